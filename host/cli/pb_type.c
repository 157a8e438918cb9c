#include "cli/pb_type.h"

#include "base/file.h"
#include "base/mem.h"

#include <unistd.h>

static bool ends_with_words(const char *name, const char *typed)
{
	size_t len = strlen(name), short_len = strlen(typed);

	return short_len > 0 && len > short_len && name[len - short_len - 1] == '.' &&
	       streq(name + len - short_len, typed);
}

int pb_type_find(const char *typed, const struct message_desc **ret, struct error *err)
{
	const struct message_desc *found = message_desc_find(str_of(typed));
	_cleanup_(buf_done) struct buf names = BUF_INIT;
	const char *close;
	size_t n = 0;

	if (found) {
		*ret = found;
		return 0;
	}
	for (size_t i = 0; i < message_table_len; i++) {
		if (!ends_with_words(message_table[i]->name, typed))
			continue;
		found = message_table[i];
		buf_printf(&names, "%s%s", n++ ? ", " : "", found->name);
	}
	if (n == 1) {
		*ret = found;
		return 0;
	}
	if (n > 1)
		return err_set(err, ERR_INVALID, "'%s' could be any of: %s", typed,
			       names.data ? names.data : "");
	close = message_desc_suggest(str_of(typed));
	return err_set(err, ERR_NOT_FOUND,
		       "no message is called '%s'%s%s%s ('taskhost pb types' lists all)", typed,
		       close ? "; did you mean " : "", close ? close : "", close ? "?" : "");
}

int pb_file_read(const char *path, struct buf *out, struct error *err)
{
	if (streq(path, "-"))
		return file_read_fd(STDIN_FILENO, "standard input", PB_FILE_MAX, out, err);
	return file_read(path, PB_FILE_MAX, out, err);
}
