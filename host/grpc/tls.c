#include "grpc/tls.h"

#include "grpc/tls_table.h"

#include <stdlib.h>

struct tls {
	const struct tls_table *table;
	struct tls_context *context;
};

int tls_new(const struct tls_options *options, struct tls **ret, struct error *err)
{
	struct tls *t = calloc(1, sizeof(*t));
	const void *table;
	int r;

	if (!t)
		return err_nomem(err, "TLS");
	r = module_load("taskhost-tls", &table, err);
	if (r == 0) {
		t->table = table;
		t->context = t->table->context_new(options, err);
		if (!t->context)
			r = ERR_INVALID;
	}
	if (r < 0) {
		free(t);
		return r;
	}
	*ret = t;
	return 0;
}

void tls_free(struct tls *t)
{
	if (!t)
		return;
	t->table->context_free(t->context);
	free(t);
}

const struct filter_ops *tls_filter_ops(const struct tls *t)
{
	return &t->table->filter;
}

void *tls_filter_context(struct tls *t)
{
	return t->context;
}
