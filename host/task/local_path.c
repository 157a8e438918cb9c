/* th.literal/1's local_path: remote content as a file on this machine. */
#include "task/api.h"

#include "base/file.h"
#include "data/data.h"
#include "task/names.h"

static const char *uri_of(const th_lit *lit)
{
	th_blob blob;
	th_dataset dataset;

	if (read_blob(lit, &blob) == TH_OK)
		return blob.uri.ptr;
	if (read_dataset(lit, &dataset) == TH_OK)
		return dataset.uri.ptr;
	return NULL;
}

static const char *known(const struct exec *e, const char *uri)
{
	for (const struct local_copy *l = e->locals; l; l = l->next)
		if (streq(l->uri, uri))
			return l->path;
	return NULL;
}

/* A place of its own for each, so that equal names do not meet. */
static int
fetch(struct exec *e, const char *uri, const char *work, const char **ret, struct error *err)
{
	_cleanup_(freep) char *path = NULL, *dir = NULL;
	struct local_copy *copy;
	int r;

	if (data_is_remote(uri)) {
		r = dir_make_temp(work, "in-", &dir, err);
		if (r < 0)
			return r;
	}
	r = data_local(uri, dir ? dir : work, &path, err);
	if (r < 0)
		return r;
	copy = lit_home_alloc(&e->home, sizeof(*copy), 0);
	if (!copy)
		return err_nomem(err, "a local copy");
	copy->uri = uri;
	copy->path = exec_copy(e, path, strlen(path));
	if (!copy->path)
		return err_nomem(err, "a local copy");
	copy->next = e->locals;
	e->locals = copy;
	*ret = copy->path;
	return 0;
}

th_status read_local_path(th_exec *handle, const th_lit *lit, th_str *ret, th_errout *error)
{
	struct exec *e = exec_of(handle);
	struct error err = ERROR_INIT;
	const char *uri, *path, *work = NULL;
	int r = 0;

	if (!e || !lit || !ret)
		return errout_fail(error, TH_E_INVALID, "local_path: no execution or no literal");
	uri = uri_of(lit);
	if (!uri)
		return errout_fail(error, TH_E_TYPE,
				   "local_path: only files, directories and datasets have one");
	if (data_is_remote(uri)) {
		work = exec_working_directory(e, &err);
		if (!work)
			return errout_err(error, &err);
	}
	pthread_mutex_lock(&e->files);
	path = known(e, uri);
	if (!path)
		r = fetch(e, uri, work, &path, &err);
	pthread_mutex_unlock(&e->files);
	if (r < 0)
		return errout_err(error, &err);
	*ret = th_z(path);
	return TH_OK;
}
