#include "abi/host.h"
#include "abi/store_copy.h"
#include "abi/tables.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

typedef th_status (*entry_fn)(const th_entry_in *in, th_entry_out *out, th_errout *error);

/* ---- the file -------------------------------------------------------------------------------- */

int plugin_file_read(int fd, const char *path, struct plugin_file **ret, struct error *err)
{
	struct plugin_file *f = calloc(1, sizeof(*f));
	int r = ERR_NOMEM;

	if (!f)
		return err_nomem(err, path);
	f->references = 1;
	f->path = strdup(path);
	if (!f->path)
		err_nomem(err, path);
	else
		r = store_read(fd, path, &f->data, &f->len, err);
	if (r == 0)
		r = inspect_plugin_quick(f->data, f->len, path, &f->arena, &f->inspection, err);
	if (r < 0) {
		plugin_file_unref(f);
		return r;
	}
	*ret = f;
	return 0;
}

struct plugin_file *plugin_file_ref(struct plugin_file *f)
{
	f->references++;
	return f;
}

void plugin_file_unref(struct plugin_file *f)
{
	if (!f || --f->references > 0)
		return;
	if (f->data)
		munmap(f->data, f->len);
	arena_done(&f->arena);
	free(f->path);
	free(f);
}

const uint8_t *plugin_file_digest(struct plugin_file *f)
{
	if (!f->digested)
		sha256(f->data, f->len, f->digest);
	f->digested = true;
	return f->digest;
}

/* ---- the private copy ------------------------------------------------------------------------ */

/* Puts the private copy's pages where the bytes that were read stand, so that what was inspected
 * and what is mapped are one, and cost no memory of their own. */
static int share_pages(struct plugin *p, int copy, struct error *err)
{
	/* cppcheck-suppress leakReturnValNotUsed */
	if (mmap(p->file->data, p->file->len, PROT_READ, MAP_PRIVATE | MAP_FIXED, copy, 0) ==
	    MAP_FAILED)
		return err_nomem(err, "the pages of a plugin");
	return 0;
}

static int make_copy(struct plugin *p, const char *store_dir, struct error *err)
{
	_cleanup_(closep) int copy = -1;
	bool memory;
	int r;

	hex_encode(plugin_file_digest(p->file), SHA256_SIZE, p->digest);
	r = store_copy_bytes(p->file->data, p->file->len, p->digest, store_dir, &p->loaded_from,
			     &copy, &memory, err);
	if (r < 0)
		return r;
	r = share_pages(p, copy, err);
	if (memory)
		p->memfd = TAKE_FD(copy);
	return r;
}

/* ---- mapping --------------------------------------------------------------------------------- */

/* dlopen names the first thing that is missing; the inspection names all of it. */
static int explain(struct plugin *p, const char *reason, struct error *err)
{
	_cleanup_(arena_done) struct arena arena = ARENA_INIT;
	struct inspection full;
	size_t n = strlen(p->loaded_from);

	if (inspect_plugin(p->file->data, p->file->len, p->path, &arena, &full, NULL) == 0 &&
	    full.refused)
		return inspection_verdict(&full, err);
	if (reason && strncmp(reason, p->loaded_from, n) == 0 && reason[n] == ':')
		reason += n + 2;
	reason = reason ? reason : "no reason given";
	return err_set(err, strstr(reason, strerror(ENOMEM)) ? ERR_NOMEM : ERR_INVALID,
		       "the loader refused it: %s", reason);
}

static int enter(struct plugin *p, struct error *err)
{
	static _Atomic uint64_t generation;
	struct th_errout_h slot = {.set = false};
	th_entry_out out = {.struct_size = sizeof(out)};
	th_entry_in in = {
		.struct_size = sizeof(in),
		.abi_major = TH_ABI_MAJOR,
		.abi_minor = TH_ABI_MINOR,
		.generation = atomic_fetch_add(&generation, 1) + 1,
		.path = {p->path, strlen(p->path)},
		.sha256 = {plugin_file_digest(p->file), SHA256_SIZE},
		.host = p->host,
	};
	void *symbol = dlsym(p->handle, "th_plugin_main");
	entry_fn entry;
	th_status st;
	int r;

	if (!symbol)
		return err_set(err, ERR_INVALID, "does not export the function th_plugin_main");
	memcpy(&entry, &symbol, sizeof(entry));
	st = entry(&in, &out, errout_handle(&slot));
	if (st != TH_OK)
		return host_status_error(st, &slot, "th_plugin_main", err);
	if (!out.plugin)
		return err_set(err, ERR_INVALID,
			       "th_plugin_main returned TH_OK but handed over no table");
	r = tables_take(p, out.plugin, err);
	return r < 0 ? r : tables_compare(p, err);
}

static int load(struct plugin *p, const char *store_dir, struct error *err)
{
	int r = inspection_verdict(&p->inspection, err);

	if (r == 0)
		r = make_copy(p, store_dir, err);
	if (r == 0) {
		p->handle = dlopen(p->loaded_from, RTLD_NOW | RTLD_LOCAL);
		r = p->handle ? enter(p, err) : explain(p, dlerror(), err);
	}
	return r < 0 ? err_wrap(err, "%s", p->path) : 0;
}

int plugin_load_file(struct plugin_file *file,
		     const char *store_dir,
		     const th_host *host,
		     struct plugin **ret,
		     struct error *err)
{
	struct plugin *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return err_nomem(err, file->path);
	p->memfd = -1;
	p->host = host;
	p->file = plugin_file_ref(file);
	p->path = file->path;
	p->inspection = file->inspection;
	r = load(p, store_dir, err);
	if (r < 0) {
		plugin_free(p);
		return r;
	}
	*ret = p;
	return 0;
}

int plugin_load(int fd,
		const char *path,
		const char *store_dir,
		const th_host *host,
		struct plugin **ret,
		struct error *err)
{
	struct plugin_file *file;
	int r = plugin_file_read(fd, path, &file, err);

	if (r < 0)
		return err_wrap(err, "%s", path);
	r = plugin_load_file(file, store_dir, host, ret, err);
	plugin_file_unref(file);
	return r;
}

void plugin_free(struct plugin *p)
{
	if (!p)
		return;
	/* The loader knows a memory file by the number of its descriptor, so a number that was
	 * loaded from once must not come back. */
	if (!p->handle)
		closep(&p->memfd);
	arena_done(&p->arena);
	free(p->loaded_from);
	plugin_file_unref(p->file);
	free(p);
}

/* ---- life ------------------------------------------------------------------------------------ */

int plugin_init(struct plugin *p, struct str config, struct error *err)
{
	struct th_errout_h slot = {.set = false};
	char *text;
	th_status st;

	if (p->initialised)
		return err_set(err, ERR_STATE, "%s was initialised before", p->path);
	text = arena_strndup(&p->arena, config.ptr ? config.ptr : "", config.len);
	if (!text)
		return err_nomem(err, p->path);
	st = p->table.init ? p->table.init(p->host, (th_str){text, config.len}, &p->self,
					   errout_handle(&slot))
			   : TH_OK;
	if (st != TH_OK) {
		host_status_error(st, &slot, "init", err);
		return err_wrap(err, "%s", p->path);
	}
	p->initialised = true;
	return 0;
}

int plugin_quiesce(struct plugin *p, int64_t deadline_ns, struct error *err)
{
	struct th_errout_h slot = {.set = false};
	th_status st = TH_OK;

	if (p->initialised && p->table.quiesce)
		st = p->table.quiesce(p->self, deadline_ns, errout_handle(&slot));
	if (st == TH_OK)
		return 0;
	host_status_error(st, &slot, st == TH_BUSY ? "busy" : "quiesce", err);
	return err_wrap(err, "%s", p->path);
}

void plugin_deinit(struct plugin *p)
{
	if (p->initialised && p->table.deinit)
		p->table.deinit(p->self);
	p->initialised = false;
}

int plugin_shutdown(struct plugin *p, int64_t deadline_ns, struct error *err)
{
	int r = plugin_quiesce(p, deadline_ns, err);

	if (r == 0)
		plugin_deinit(p);
	return r;
}

/* ---- what it offers -------------------------------------------------------------------------- */

const th_executor *plugin_executor(const struct plugin *p, struct str name)
{
	for (uint32_t i = 0; i < p->table.n_executors; i++)
		if (p->executors[i].name && str_is(name, p->executors[i].name))
			return &p->executors[i];
	return NULL;
}

const th_executor *plugin_executor_of(const struct plugin *p, const th_executor *theirs)
{
	for (uint32_t i = 0; i < p->table.n_executors; i++)
		if (p->table.executors[i] == theirs)
			return &p->executors[i];
	return NULL;
}

int plugin_task_note(const struct plugin *p,
		     struct str task,
		     const struct note_offer **ret,
		     struct error *err)
{
	return inspection_task(&p->inspection, task, &p->file->arena, ret, err);
}

const char *plugin_resolver_symbol(const struct plugin *p, size_t i)
{
	return i < p->table.n_resolvers ? p->resolver_symbols[i] : NULL;
}

/* ---- addresses ------------------------------------------------------------------------------- */

static bool
locate(const struct plugin *p, const void *address, Dl_info *info, uint64_t *ret_address)
{
	struct link_map *own, *map = NULL;

	if (dlinfo(p->handle, RTLD_DI_LINKMAP, &own) != 0 ||
	    !dladdr1(address, info, (void **)&map, RTLD_DL_LINKMAP) || map != own)
		return false;
	*ret_address = (uint64_t)(uintptr_t)address - own->l_addr;
	return true;
}

bool plugin_address_in_file(const struct plugin *p, const void *address, uint64_t *ret_address)
{
	Dl_info info;

	return locate(p, address, &info, ret_address);
}

bool plugin_symbol_of(const struct plugin *p, const void *address, struct buf *ret_symbol)
{
	uint64_t at, distance;
	struct str name;
	Dl_info info;

	if (!locate(p, address, &info, &at))
		return false;
	if (info.dli_sname)
		name = str_of(info.dli_sname);
	else if (!elf_symbolise(p->file->data, p->file->len, at, &name, &distance))
		return false;
	buf_printf(ret_symbol, STR_FMT "." STR_FMT, STR_ARG(p->inspection.note.id), STR_ARG(name));
	return true;
}
