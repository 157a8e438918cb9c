#include "cli/template_file.h"

#include "base/file.h"
#include "base/mem.h"
#include "flyte/pbjson.h"

#define TEMPLATE_MAX ((size_t)64 << 20)

int template_file_read(const char *path, struct arena *arena, TaskTemplate **ret, struct error *err)
{
	_cleanup_(buf_done) struct buf wire = BUF_INIT;
	int rc;

	if (str_ends(str_of(path), ".json")) {
		_cleanup_(buf_done) struct buf json = BUF_INIT;
		const struct message_desc *type =
			message_desc_find(STR("flyteidl.core.TaskTemplate"));

		rc = file_read(path, TEMPLATE_MAX, &json, err);
		if (rc == 0)
			rc = pbjson_parse(type, (struct str){json.data, json.len}, path, &wire,
					  err);
	} else {
		rc = file_read(path, TEMPLATE_MAX, &wire, err);
	}
	if (rc == 0)
		rc = task_template_decode((struct str){wire.data, wire.len}, path, arena, ret, err);
	return rc;
}
