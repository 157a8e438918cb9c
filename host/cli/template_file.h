/* A TaskTemplate from a file that a person names. */
#pragma once

#include "flyte/document.h"

/* .json in protobuf's JSON, anything else as protobuf. */
int template_file_read(const char *path,
		       struct arena *arena,
		       TaskTemplate **ret,
		       struct error *err);
