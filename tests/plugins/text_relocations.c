/* An address in the code itself: the loader would have to write there. */
#include "raw.h"

__asm__(".text\n.balign 8\n.quad th_plugin_main\n");
