/* From what a command left behind to outputs. */
#include "task.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>

/* Plain text as the kind of value the interface asks for. */
static th_status
set_parsed(const th_run *run, const struct output *o, th_val *slot, char *text, size_t n)
{
	char *end = NULL;
	int64_t integer;
	double real;

	while (n && text[n - 1] == '\n')
		text[--n] = 0;
	errno = 0;
	switch (o->variable.kind) {
	case TH_KIND_STRING:
		return TH_LIT->set_str(slot, th_str_n(text, n));
	case TH_KIND_INTEGER:
		integer = strtoll(text, &end, 10);
		if (n && end == text + n && !errno)
			return TH_LIT->set_i64(slot, integer);
		break;
	case TH_KIND_FLOAT:
		real = strtod(text, &end);
		if (n && end == text + n && !(errno && isinf(real)))
			return TH_LIT->set_f64(slot, real);
		break;
	case TH_KIND_BOOLEAN:
		if (!strcmp(text, "true") || !strcmp(text, "false"))
			return TH_LIT->set_bool(slot, text[0] == 't');
		break;
	case TH_KIND_BINARY:
	case TH_KIND_GENERIC:
		if (TH_LIT->set_json(slot, th_str_n(text, n)) == TH_OK)
			return TH_OK;
		break;
	default:
		return th_fail(run, "USER:TypeError",
			       "output %s is %s; a command can give files, directories, strings, "
			       "numbers, booleans and JSON objects",
			       o->variable.name.ptr, o->variable.type_json.ptr);
	}
	text_clean(text, n);
	return th_fail(run, "USER:ValueError", "output %s: '%.200s' is not of type %s",
		       o->variable.name.ptr, text, o->variable.type_json.ptr);
}

static th_status
set_from_file(const th_run *run, const struct output *o, th_val *slot, const char *path)
{
	struct text t = {NULL, 0, 0, 0};
	char block[4096];
	size_t n;
	th_status st;
	FILE *f = fopen(path, "r");

	if (!f)
		return th_fail_system(run, "SYSTEM:OSError", "%s: %s", path, strerror(errno));
	while (t.len <= PROCESS_OUTPUT_MAX && (n = fread(block, 1, sizeof(block), f)) > 0)
		text_add(&t, block, n);
	fclose(f);
	text_add(&t, "", 0);
	if (t.failed)
		st = TH_E_NOMEM;
	else if (t.len > PROCESS_OUTPUT_MAX)
		st = th_fail(run, "USER:ValueError", "output %s: %s is larger than 1 MiB",
			     o->variable.name.ptr, path);
	else
		st = set_parsed(run, o, slot, t.ptr, t.len);
	text_done(&t);
	return st;
}

static th_status
set_from_location(const th_run *run, const struct task *task, const struct output *o, th_val *slot)
{
	struct text path = {NULL, 0, 0, 0};
	struct stat info;
	const char *kept;
	th_blob blob = {th_s(""), th_s(""), 0, 0};

	if (o->location[0] != '/') {
		text_add(&path, task->directory.ptr, task->directory.len);
		text_add(&path, "/", 1);
	}
	text_add(&path, o->location, strlen(o->location));
	kept = text_keep(run, &path);
	text_done(&path);
	if (!kept)
		return TH_E_NOMEM;
	if (stat(kept, &info) != 0)
		return th_fail(run, "USER:FileNotFoundError",
			       "output %s: the command left nothing at %s: %s",
			       o->variable.name.ptr, kept, strerror(errno));
	if (o->variable.kind != TH_KIND_BLOB)
		return set_from_file(run, o, slot, kept);
	blob.uri = th_s(kept);
	blob.multipart = S_ISDIR(info.st_mode);
	return TH_LIT->set_blob(slot, &blob);
}

th_status task_set_outputs(const th_run *run, const struct task *task, struct process *p)
{
	th_status st = TH_OK;

	for (uint32_t i = 0; st == TH_OK && i < task->n_outputs; i++) {
		const struct output *o = &task->outputs[i];
		th_val *slot;

		st = TH_LIT->output(run->exec, o->variable.name, &slot);
		if (st != TH_OK)
			return st;
		if (o->location)
			st = set_from_location(run, task, o, slot);
		else if (p->output_cut)
			st = th_fail(run, "USER:ValueError",
				     "output %s: the command printed more than 1 MiB",
				     o->variable.name.ptr);
		else
			st = set_parsed(run, o, slot, p->output, p->output_len);
	}
	return st;
}
