/* No copy of a secret is left behind: free() is watched (the linker's --wrap). */
#include "harness.h"

#define SECRET "correct horse battery staple"

static struct fixture f;
static bool watching;
static int seen_full, seen_wiped;
static const char *view;
static size_t view_size;

void __real_free(void *p);
void __wrap_free(void *p);
void __wrap_free(void *p)
{
	if (watching && p && p == view) {
		seen_full += memmem(p, view_size, SECRET, strlen(SECRET)) != NULL;
		seen_wiped += *(char *)p == 0;
	}
	__real_free(p);
}

static th_status ask(th_exec *exec, const th_model *model, th_errout *error)
{
	const th_secrets_api *s = NULL;
	th_str got;

	(void)model;
	for (const struct host_extension *e = task_extensions; e->id; e++)
		if (streq(e->id, TH_EXT_SECRETS))
			s = e->table;
	CHECK_INT(s->get(exec, th_s("g"), th_s("k"), th_s(""), &got, error), TH_OK);
	CHECK_STR(got.ptr, SECRET);
	view = got.ptr;
	view_size = got.len;
	watching = true;
	return TH_OK;
}

TEST(a_secrets_copy_is_wiped_when_the_execution_completes)
{
	setenv("_FSEC_G_K", " " SECRET " ", 1);
	fixture_init(&f, "");
	fixture_run(&f, ask);
	watching = false;
	CHECK_INT(seen_full, 0);
	CHECK_INT(seen_wiped, 1);
	fixture_done(&f);
}
