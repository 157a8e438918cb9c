/* What the real flytekit wrote is accepted as it is, in both directions, and comes back equal from
 * the human form wherever that form loses nothing. */
#include "literal_help.h"

static bool decode_type(const char *name, LiteralType **ret)
{
	char path[256];
	void *m;

	snprintf(path, sizeof(path), "flytekit/types/%s.pb", name);
	if (access(test_golden(path), F_OK) < 0)
		return false;
	CHECK_OK(message_decode(MESSAGE_DESC(flyteidl__core__literal_type), golden_read(path), NULL,
				&help_arena, &m, &help_err),
		 help_err);
	*ret = m;
	return true;
}

static Literal *decode_literal(struct str wire, const char *name)
{
	Literal *lit;

	CHECK_OK(literal_decode(wire, name, &help_arena, &lit, &help_err), help_err);
	return lit;
}

static size_t pairs;

static void check_pair(const char *name, struct str wire)
{
	Literal *lit = decode_literal(wire, name), *got;
	LiteralType *type;

	if (!decode_type(name, &type))
		return;
	pairs++;
	CHECK_OK(literal_convert(lit, type, LITERAL_READ, &help_arena, &got, &help_err), help_err);
	CHECK(literal_equal(lit, got));
	CHECK_OK(literal_convert(lit, type, LITERAL_WRITE, &help_arena, &got, &help_err), help_err);
	CHECK(literal_equal(lit, got));
}

TEST(literals_fit_their_types)
{
	size_t n = golden_each("flytekit/literals", check_pair);

	CHECK(n >= 50 && pairs >= 40);
}

static void check_human(const char *name, struct str wire)
{
	Literal *lit = decode_literal(wire, name), *got;
	LiteralType *type;
	const char *text;

	if (!decode_type(name, &type))
		return;
	text = human_text(lit, type);
	CHECK_OK(human_json(text, type, name, &got), help_err);
	if (!literal_equal(lit, got))
		test_fail(__FILE__, __LINE__, "%s: %s: %s is not %s", name, text,
			  hex_of(&lit->base), hex_of(&got->base));
}

TEST(literals_survive_the_human_form)
{
	CHECK(golden_each("flytekit/literals", check_human) >= 50);
}

static void check_described(const char *name, struct str wire)
{
	struct buf b = BUF_INIT;

	literal_describe(decode_literal(wire, name), &b);
	CHECK(b.len > 0 && b.len <= 160);
	buf_done(&b);
	CHECK(literal_type_of(decode_literal(wire, name), &help_arena) != NULL);
	CHECK(*human_text(decode_literal(wire, name), NULL));
}

TEST(literals_print_without_a_type)
{
	CHECK(golden_each("flytekit/literals", check_described) >= 50);
}

/* ---- executions ------------------------------------------------------------------------------ */

static void check_map(const char *name,
		      const char *file,
		      const VariableMap *vars,
		      enum literal_direction direction)
{
	char path[512];
	LiteralMap *m;

	snprintf(path, sizeof(path), "flytekit/exec/%s/%s", name, file);
	if (access(test_golden(path), F_OK) < 0)
		return;
	CHECK_OK(literal_map_decode(golden_read(path), path, &help_arena, &m, &help_err), help_err);
	for (size_t i = 0; i < m->n_literals; i++) {
		const Variable *v = interface_find(vars, str_of(m->literals[i]->key));
		Literal *got;

		if (!v)
			continue;
		pairs++;
		if (literal_convert(m->literals[i]->value, v->type, direction, &help_arena, &got,
				    &help_err) < 0)
			test_fail(__FILE__, __LINE__, "%s: %s", path, help_err.message);
		CHECK(literal_equal(m->literals[i]->value, got));
	}
}

TEST(executions_fit_their_interfaces)
{
	DIR *dir = opendir(test_golden("flytekit/exec"));
	struct dirent *e;
	size_t n = 0;

	CHECK(dir != NULL);
	pairs = 0;
	while ((e = readdir(dir))) {
		static const char *const refused[] = {"type_mismatch", "garbage_inputs", "map_task",
						      "map_task_bound"};
		char path[512];
		TaskTemplate *t;
		bool skip = e->d_name[0] == '.';

		for (size_t i = 0; i < ARRAY_LEN(refused); i++)
			skip = skip || streq(e->d_name, refused[i]);
		snprintf(path, sizeof(path), "flytekit/exec/%s/task_template.pb", e->d_name);
		if (skip || access(test_golden(path), F_OK) < 0)
			continue;
		CHECK_OK(task_template_decode(golden_read(path), path, &help_arena, &t, &help_err),
			 help_err);
		check_map(e->d_name, "inputs.pb", t->interface->inputs, LITERAL_READ);
		check_map(e->d_name, "outputs.pb", t->interface->outputs, LITERAL_WRITE);
		n++;
	}
	closedir(dir);
	CHECK(n >= 40 && pairs >= 60);
}

/* The recorded case in which the types do not match. */
TEST(type_mismatch)
{
	TaskTemplate *t;
	LiteralMap *m;
	Literal *got;

	CHECK_OK(task_template_decode(golden_read("flytekit/exec/type_mismatch/task_template.pb"),
				      "t", &help_arena, &t, &help_err),
		 help_err);
	CHECK_OK(literal_map_decode(golden_read("flytekit/exec/type_mismatch/inputs.pb"), "m",
				    &help_arena, &m, &help_err),
		 help_err);
	CHECK_ERR(literal_convert(literal_map_find(m, STR("a")),
				  interface_find(t->interface->inputs, STR("a"))->type,
				  LITERAL_READ, &help_arena, &got, &help_err),
		  ERR_MISMATCH, help_err, "expected integer, got string \"1\"");
}

/* An integer where the output is declared a float: flytekit refuses it, and so does this. */
TEST(float_from_int)
{
	TaskTemplate *t;
	LiteralMap *m;
	Literal *got;

	CHECK_OK(task_template_decode(golden_read("flytekit/exec/float_from_int/task_template.pb"),
				      "t", &help_arena, &t, &help_err),
		 help_err);
	CHECK_OK(literal_map_decode(golden_read("flytekit/exec/float_from_int/inputs.pb"), "m",
				    &help_arena, &m, &help_err),
		 help_err);
	CHECK_ERR(literal_convert(literal_map_find(m, STR("m")),
				  interface_find(t->interface->outputs, STR("o0"))->type,
				  LITERAL_WRITE, &help_arena, &got, &help_err),
		  ERR_MISMATCH, help_err, "a: expected float, got integer 1");
}
