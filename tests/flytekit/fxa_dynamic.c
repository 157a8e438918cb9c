/* Test plugin fxa: dynamic tasks. They write a flyteidl.core.DynamicJobSpec with a writer of their
 * own, as a plugin with its own protobuf runtime would. */
#include "fxa.h"

/* ---- a protobuf writer: a message is a buffer, put into its parent when it is finished ------- */

struct pb {
	uint8_t *ptr;
	size_t len, size;
	int failed;
};

static void pb_bytes(struct pb *m, const void *bytes, size_t n)
{
	if (m->failed)
		return;
	if (m->len + n > m->size) {
		size_t size = (m->len + n) * 2;
		uint8_t *bigger = (uint8_t *)realloc(m->ptr, size);

		if (!bigger) {
			m->failed = 1;
			return;
		}
		m->ptr = bigger;
		m->size = size;
	}
	if (n)
		memcpy(m->ptr + m->len, bytes, n);
	m->len += n;
}

static void pb_varint(struct pb *m, uint64_t value)
{
	do {
		uint8_t byte = (uint8_t)((value & 127) | (value > 127 ? 128 : 0));
		pb_bytes(m, &byte, 1);
		value >>= 7;
	} while (value);
}

static void pb_uint(struct pb *m, uint32_t field, uint64_t value)
{
	pb_varint(m, field << 3);
	pb_varint(m, value);
}

static void pb_str(struct pb *m, uint32_t field, th_str text)
{
	pb_varint(m, field << 3 | 2);
	pb_varint(m, text.len);
	pb_bytes(m, text.ptr, text.len);
}

/* Puts `child` into `m` and frees it. */
static void pb_message(struct pb *m, uint32_t field, struct pb *child)
{
	pb_varint(m, field << 3 | 2);
	pb_varint(m, child->len);
	pb_bytes(m, child->ptr, child->len);
	m->failed |= child->failed;
	free(child->ptr);
	memset(child, 0, sizeof(*child));
}

/* ---- the pieces of a DynamicJobSpec ---------------------------------------------------------- */

#define PB_EMPTY                                                                                   \
	{                                                                                          \
		NULL, 0, 0, 0                                                                      \
	}

static void write_identifier(const th_run *run, struct pb *parent, uint32_t field, const char *task)
{
	struct pb id = PB_EMPTY;
	th_str value = th_s("");
	char name[80];

	pb_uint(&id, 1, 1); /* ResourceType TASK */
	TH_CONTEXT->get(run->exec, TH_CTX_TASK_PROJECT, &value);
	pb_str(&id, 2, value);
	TH_CONTEXT->get(run->exec, TH_CTX_TASK_DOMAIN, &value);
	pb_str(&id, 3, value);
	snprintf(name, sizeof(name), "fxa.%s", task);
	pb_str(&id, 4, th_s(name));
	TH_CONTEXT->get(run->exec, TH_CTX_TASK_VERSION, &value);
	pb_str(&id, 5, value);
	pb_message(parent, field, &id);
}

/* BindingData with a primitive: `field` 1 an integer, 3 a string. */
static struct pb primitive(uint32_t field, uint64_t number, th_str text)
{
	struct pb value = PB_EMPTY, scalar = PB_EMPTY, data = PB_EMPTY;

	if (field == 1)
		pb_uint(&value, 1, number);
	else
		pb_str(&value, field, text);
	pb_message(&scalar, 1, &value);
	pb_message(&data, 1, &scalar);
	return data;
}

static struct pb integer(int64_t value)
{
	return primitive(1, (uint64_t)value, th_s(""));
}

static struct pb promise(const char *node)
{
	struct pb reference = PB_EMPTY, data = PB_EMPTY;

	pb_str(&reference, 1, th_s(node));
	pb_str(&reference, 2, th_s("o0"));
	pb_message(&data, 3, &reference);
	return data;
}

static void write_binding(struct pb *parent, uint32_t field, const char *var, struct pb data)
{
	struct pb binding = PB_EMPTY;

	pb_str(&binding, 1, th_s(var));
	pb_message(&binding, 2, &data);
	pb_message(parent, field, &binding);
}

static void write_node(const th_run *run,
		       struct pb *spec,
		       const char *id,
		       const char *task,
		       struct pb a,
		       struct pb b,
		       const char *upstream)
{
	struct pb node = PB_EMPTY, metadata = PB_EMPTY, retries = PB_EMPTY, task_node = PB_EMPTY,
		  overrides = PB_EMPTY;

	pb_str(&node, 1, th_s(id));
	pb_str(&metadata, 1, th_s(task));
	pb_message(&metadata, 5, &retries);
	pb_message(&node, 2, &metadata);
	write_binding(&node, 3, "a", a);
	write_binding(&node, 3, "b", b);
	if (upstream)
		pb_str(&node, 4, th_s(upstream));
	write_identifier(run, &task_node, 1, task);
	pb_message(&task_node, 2, &overrides);
	pb_message(&node, 6, &task_node);
	pb_message(spec, 1, &node);
}

static void write_variable(struct pb *variables, const char *name, uint32_t simple)
{
	struct pb type = PB_EMPTY, variable = PB_EMPTY, entry = PB_EMPTY;

	pb_uint(&type, 1, simple);
	pb_message(&variable, 1, &type);
	pb_str(&variable, 2, th_s(name));
	pb_str(&entry, 1, th_s(name));
	pb_message(&entry, 2, &variable);
	pb_message(variables, 1, &entry);
}

/* The template of a task (a, b: simple) -> o0: simple, in flytekit's form. */
static void write_template(const th_run *run, struct pb *spec, const char *task, uint32_t simple)
{
	static const char *const args[] = {
		"pyflyte-execute",
		"--inputs",
		"{{.input}}",
		"--output-prefix",
		"{{.outputPrefix}}",
		"--raw-output-data-prefix",
		"{{.rawOutputDataPrefix}}",
		"--checkpoint-path",
		"{{.checkpointOutputPrefix}}",
		"--prev-checkpoint",
		"{{.prevCheckpointPrefix}}",
		"--resolver",
		"flytekit.core.python_auto_container.default_task_resolver",
		"--",
		"task-module",
		"fxa",
		"task-name",
	};
	struct pb template = PB_EMPTY, metadata = PB_EMPTY, runtime = PB_EMPTY, empty = PB_EMPTY,
		  interface = PB_EMPTY, inputs = PB_EMPTY, outputs = PB_EMPTY, container = PB_EMPTY,
		  pair = PB_EMPTY;
	th_str value = th_s("");

	write_identifier(run, &template, 1, task);
	pb_str(&template, 2, th_s("python-task"));
	pb_uint(&runtime, 1, 1); /* FLYTE_SDK */
	pb_str(&runtime, 2, th_s("1.16.24"));
	pb_str(&runtime, 3, th_s("python"));
	pb_message(&metadata, 2, &runtime);
	pb_message(&metadata, 5, &empty);  /* retries */
	pb_message(&metadata, 15, &empty); /* generates_deck: a BoolValue of false */
	pb_message(&metadata, 16, &empty); /* metadata */
	pb_message(&template, 3, &metadata);
	write_variable(&inputs, "a", simple);
	write_variable(&inputs, "b", simple);
	write_variable(&outputs, "o0", simple);
	pb_message(&interface, 1, &inputs);
	pb_message(&interface, 2, &outputs);
	pb_message(&template, 4, &interface);
	TH_CONTEXT->env(run->exec, th_s("FLYTE_INTERNAL_IMAGE"), &value);
	pb_str(&container, 1, value);
	for (size_t i = 0; i < sizeof(args) / sizeof(args[0]); i++)
		pb_str(&container, 3, th_s(args[i]));
	pb_str(&container, 3, th_s(task));
	pb_message(&container, 4, &empty); /* resources */
	pb_str(&pair, 1, th_s("FOO"));
	TH_CONTEXT->env(run->exec, th_s("FOO"), &value);
	pb_str(&pair, 2, value);
	pb_message(&container, 5, &pair);
	pb_message(&template, 6, &container);
	pb_message(spec, 4, &template);
}

static th_status hand_over(const th_run *run, struct pb *spec)
{
	th_bytes bytes = {spec->ptr, spec->len};
	th_status st = TH_E_NOMEM;

	if (!spec->failed)
		st = TH_LIT->dynamic_job_raw(run->exec, bytes, run->error);
	free(spec->ptr);
	return st;
}

/* ---- the tasks ------------------------------------------------------------------------------- */

#define DYN(X)                                                                                     \
	X(in, n, integer, "n")                                                                     \
	X(out, o0, literal, "o0", "{\"collectionType\":{\"simple\":\"INTEGER\"}}")
TH_TASK(dyn, DYN, "add(i, i * i) for each i below n")
{
	struct pb spec = PB_EMPTY, bindings = PB_EMPTY, data = PB_EMPTY;
	char id[32];

	for (int64_t i = 0; i < in->n; i++) {
		struct pb output;

		snprintf(id, sizeof(id), "dn%lld", (long long)i);
		write_node(run, &spec, id, "add", integer(i), integer(i * i), NULL);
		output = promise(id);
		pb_message(&bindings, 1, &output);
	}
	pb_uint(&spec, 2, (uint64_t)in->n);
	pb_message(&data, 2, &bindings);
	write_binding(&spec, 3, "o0", data);
	write_template(run, &spec, "add", 1);
	return hand_over(run, &spec);
}

#define DYN_CHAIN(X)                                                                               \
	X(in, n, integer, "n")                                                                     \
	X(in, s, string, "s")                                                                      \
	X(out, o0, literal, "o0", "{\"simple\":\"INTEGER\"}")                                      \
	X(out, o1, literal, "o1", "{\"simple\":\"STRING\"}")
TH_TASK(dyn_chain, DYN_CHAIN, "(n + 1) * 2 and a longer s, by three nodes")
{
	struct pb spec = PB_EMPTY;

	write_node(run, &spec, "dn0", "add", integer(in->n), integer(1), NULL);
	write_node(run, &spec, "dn1", "add", promise("dn0"), promise("dn0"), "dn0");
	write_node(run, &spec, "dn2", "concat", primitive(3, 0, in->s),
		   primitive(3, 0, th_s("-tail")), NULL);
	pb_uint(&spec, 2, 3);
	write_binding(&spec, 3, "o0", promise("dn1"));
	write_binding(&spec, 3, "o1", promise("dn2"));
	write_template(run, &spec, "add", 1);
	write_template(run, &spec, "concat", 3);
	return hand_over(run, &spec);
}

#define DYN_NOOP(X) X(in, n, integer, "n") X(out, o0, integer, "o0")
TH_TASK(dyn_noop, DYN_NOOP, "A dynamic task that needs no nodes")
{
	out->o0 = in->n + 5;
	return TH_OK;
}
