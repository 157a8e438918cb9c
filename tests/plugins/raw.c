/* What is bent comes from the command line: see meson.build. */
#include "raw.h"
