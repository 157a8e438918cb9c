/* The templates a runner keeps: one per slot, the slots chosen by the host. */
#include "runners/runner_internal.h"

#include "base/mem.h"

static struct runner_template *new_template(uint64_t id, struct str bytes)
{
	struct runner_template *t = malloc(sizeof(*t) + bytes.len);

	if (!t)
		return NULL;
	memcpy(t + 1, bytes.ptr, bytes.len);
	*t = (struct runner_template){
		.id = id, .bytes = {(const char *)(t + 1), bytes.len}, .refs = 1};
	return t;
}

struct runner_template *runner_template_keep(
	struct runner *r, uint32_t slot, uint64_t id, struct str bytes, struct error *err)
{
	struct runner_template *t = r->templates[slot];

	if (t && t->id == id)
		return t;
	if (bytes.len == 0) {
		err_set(err, ERR_INVALID, "the host did not send a template");
		return NULL;
	}
	if (t) {
		pthread_mutex_lock(&r->lock);
		runner_template_unref(r, t);
		pthread_mutex_unlock(&r->lock);
		runner_templates_sweep(r);
	}
	r->templates[slot] = t = new_template(id, bytes);
	if (!t)
		err_nomem(err, "a task template");
	return t;
}

void runner_template_unref(struct runner *r, struct runner_template *t)
{
	if (--t->refs > 0)
		return;
	t->next = r->unused;
	r->unused = t;
}

void runner_templates_sweep(struct runner *r)
{
	struct runner_template *t;

	pthread_mutex_lock(&r->lock);
	t = r->unused;
	r->unused = NULL;
	pthread_mutex_unlock(&r->lock);
	while (t) {
		struct runner_template *next = t->next;

		if (t->decoded && r->ops->template_free)
			r->ops->template_free(r->state, t->decoded);
		free(t);
		t = next;
	}
}

void runner_templates_done(struct runner *r)
{
	pthread_mutex_lock(&r->lock);
	for (uint32_t i = 0; i < TEMPLATE_SLOTS; i++) {
		if (r->templates[i])
			runner_template_unref(r, r->templates[i]);
		r->templates[i] = NULL;
	}
	pthread_mutex_unlock(&r->lock);
	runner_templates_sweep(r);
}
