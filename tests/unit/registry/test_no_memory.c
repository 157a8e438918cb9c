/* Every allocation of a scan and of a search fails once. */
#include "../abi/fixtures.h"

#include "lib/fail_alloc.h"
#include "registry/registry.h"

#define TRIES_MAX 20000

static char *plugin_dir(void)
{
	struct error err = ERROR_INIT;
	char *dir;

	CHECK_OK(dir_make_temp(test_tmpdir(), "m", &dir, &err), err);
	free(fixture_copy(dir, "good", "good.so"));
	free(fixture_copy(dir, "claim_a", "claim_a.so"));
	free(fixture_copy(dir, "claim_b", "claim_b.so"));
	free(fixture_copy(dir, "good", "twin.so"));
	free(fixture_copy(dir, "missing_symbol", "missing_symbol.so"));
	return dir;
}

static int whole_life(const char *dir, struct error *err)
{
	const char *const dirs[] = {dir}, *const trusted[] = {"/tmp/x"};
	_cleanup_(registry_done) struct registry r;
	struct registry_entry *e;
	struct str name;
	int rc;

	rc = registry_init(&r, dirs, 1, trusted, 1, err);
	if (rc < 0)
		return rc;
	rc = registry_find_executor(&r, STR("good.Shim"), &e, &name, err);
	if (rc == 0)
		rc = registry_scan(&r, err);
	if (rc == 0)
		rc = registry_find_task_type(&r, STR("claimed"), &e, &name, err);
	if (rc == 0)
		rc = registry_quarantine(&r, e, "for a test", err);
	if (rc == 0)
		rc = registry_find_executor(&r, STR("good.Shin"), &e, &name, err);
	return rc;
}

TEST(scanning_and_finding)
{
	_cleanup_(freep) char *dir = plugin_dir();
	struct error err = ERROR_INIT;
	int r = ERR_NOMEM;
	long n;

	for (n = 0; n < TRIES_MAX; n++) {
		alloc_fail_after(n);
		r = whole_life(dir, &err);
		if (!alloc_stop_failing())
			break;
		/* Without memory there is no suggestion, which is no failure. */
		CHECK(r == ERR_NOMEM || (r == ERR_NOT_FOUND && !strstr(err.message, "did you")));
	}
	CHECK_ERR(r, ERR_NOT_FOUND, err, "did you mean 'Shim'?");
	CHECK(n > 100);
}
