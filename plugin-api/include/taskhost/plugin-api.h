/* All of taskhost's plugin ABI 1.0, without the authoring macros. */
#ifndef TASKHOST_PLUGIN_API_H
#define TASKHOST_PLUGIN_API_H

#include "version.h"
#include "types.h"
#include "host.h"
#include "plugin.h"
#include "literal.h"
#include "model.h"
#include "services.h"

#endif
