/* What the module taskhost-tls gives to host/grpc/tls.c. */
#pragma once

#include "base/module.h"
#include "grpc/tls.h"

struct tls_context;

struct tls_table {
	struct tls_context *(*context_new)(const struct tls_options *options, struct error *err);
	void (*context_free)(struct tls_context *c);
	struct filter_ops filter; /* context is a struct tls_context */
};
