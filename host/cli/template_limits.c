#include "cli/template_limits.h"

#include "flyte/wire_view.h"

/* Field numbers of flyteidl.core. */
enum {
	TEMPLATE_CONTAINER = 6,
	CONTAINER_RESOURCES = 4,
	RESOURCES_LIMITS = 2,
	ENTRY_NAME = 1,
	ENTRY_VALUE = 2,
};
enum { RESOURCE_CPU = 1, RESOURCE_MEMORY = 3 };

static int read_entry(struct str entry, struct runner_limits *ret, struct error *err)
{
	struct view_field name, value;

	if (!view_find(entry, ENTRY_NAME, &name) || !view_find(entry, ENTRY_VALUE, &value))
		return 0;
	if (name.value == RESOURCE_CPU)
		return limits_cpu(value.bytes, &ret->cpu_milli, err);
	if (name.value == RESOURCE_MEMORY)
		return limits_memory(value.bytes, &ret->memory, err);
	return 0;
}

int template_limits(struct str task_template, struct runner_limits *ret, struct error *err)
{
	struct runner_limits limits = {0};
	struct view_field f;
	struct view v;
	int rc = 0;

	*ret = limits;
	if (!view_find(task_template, TEMPLATE_CONTAINER, &f) ||
	    !view_find(f.bytes, CONTAINER_RESOURCES, &f))
		return 0;
	v = view_of(f.bytes);
	while (rc == 0 && view_next(&v, &f) > 0)
		if (f.number == RESOURCES_LIMITS && f.wire_type == WIRE_LEN)
			rc = read_entry(f.bytes, &limits, err);
	if (rc < 0)
		return err_wrap(err, "a resource limit of the task's template");
	*ret = limits;
	return 0;
}
