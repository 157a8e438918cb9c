#include "store/own_outputs.h"

#include "store/ident.h"
#include "store/store_sqlite.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

/* The name below `<dir>/outputs/`; empty when the place is another one. */
static struct str own_name(const char *dir, struct str prefix)
{
	static const char middle[] = "/outputs/";
	size_t skip = strlen(dir) + sizeof(middle) - 1;
	struct str name;
	uint64_t number;

	if (!str_starts(prefix, dir) || prefix.len <= skip ||
	    memcmp(prefix.ptr + strlen(dir), middle, sizeof(middle) - 1) != 0)
		return STR_NULL;
	name = (struct str){prefix.ptr + skip, prefix.len - skip};
	return ident_parse(name, &number) ? name : STR_NULL;
}

static bool move(const char *from, const char *trash, const char *to)
{
	if (rename(from, to) == 0)
		return true;
	if (errno != ENOENT)
		return false;
	/* Usually there is nothing: outputs are files only when they are long, and few tasks print. */
	if (mkdir(trash, 0700) < 0)
		return errno == EEXIST;
	return rename(from, to) == 0 || errno == ENOENT;
}

bool own_outputs_set_aside(const char *dir, struct str output_prefix)
{
	struct str name = own_name(dir, output_prefix);
	char from[4096], trash[4096], to[4096];

	if (name.len == 0)
		return true;
	if (snprintf(from, sizeof(from), STR_FMT, STR_ARG(output_prefix)) >= (int)sizeof(from) ||
	    snprintf(trash, sizeof(trash), "%s/trash", dir) >= (int)sizeof(trash) ||
	    snprintf(to, sizeof(to), "%s/trash/" STR_FMT, dir, STR_ARG(name)) >= (int)sizeof(to))
		return true;
	return move(from, trash, to);
}

bool own_log_set_aside(const char *dir, uint64_t id)
{
	char name[IDENT_TEXT + 1], from[4096], trash[4096], to[4096];

	ident_format(id, name);
	if (snprintf(from, sizeof(from), "%s/logs/%s", dir, name) >= (int)sizeof(from) ||
	    snprintf(trash, sizeof(trash), "%s/trash", dir) >= (int)sizeof(trash) ||
	    snprintf(to, sizeof(to), "%s/trash/%s.log", dir, name) >= (int)sizeof(to))
		return true;
	return move(from, trash, to);
}

int store_sqlite_empty_trash(const char *dir, struct error *err)
{
	_cleanup_(freep) char *trash = path_join(dir, "trash");

	return trash ? dir_remove(trash, err) : err_nomem(err, "a path");
}
