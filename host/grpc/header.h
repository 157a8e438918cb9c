/* The values of gRPC's own request headers. */
#pragma once

#include "base/str.h"

/* "10S", "250m", "1000000u"…: at most 8 digits and one of H M S m u n; nanoseconds. False when
 * malformed. */
bool header_timeout(struct str value, int64_t *ret_ns);

/* "application/grpc", alone, with "+proto", or with parameters. */
bool header_is_grpc(struct str content_type);

/* Whether a list such as "identity, gzip" names `encoding`. */
bool header_lists(struct str list, const char *encoding);

/* A name that may travel as metadata: lower case letters, digits, "-_.", not one of HTTP's or
 * gRPC's own ("grpc-…", "content-type", "te", ":…"). */
bool header_is_metadata(struct str name);

/* A value that may travel as it is: space to '~'. Others need a name that ends in "-bin". */
bool header_is_text(struct str value);
