/* Text in HTML. */
#pragma once

#include "base/buf.h"
#include "base/str.h"

/* Escapes < > & " ' and appends; bytes that are no UTF-8 become U+FFFD. */
void html_escape(struct str text, struct buf *out);
