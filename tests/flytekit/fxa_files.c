/* Test plugin fxa: files, directories, tables and structs. */
#include "fxa.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <sys/stat.h>

/* ---- text of any length, in the arena -------------------------------------------------------- */

struct text {
	const th_run *run;
	char *ptr;
	size_t len, size;
	int failed;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *t, const char *format, ...)
{
	va_list ap, again;
	int n;

	va_start(ap, format);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, format, ap);
	if (n >= 0 && t->len + (size_t)n + 1 > t->size) {
		size_t size = (t->len + (size_t)n + 1) * 2;
		char *bigger = arena_text(t->run, size);

		if (bigger && t->len)
			memcpy(bigger, t->ptr, t->len);
		t->ptr = bigger;
		t->size = size;
	}
	if (n < 0 || !t->ptr)
		t->failed = 1;
	else
		t->len += (size_t)vsnprintf(t->ptr + t->len, t->size - t->len, format, again);
	va_end(again);
	va_end(ap);
}

/* Member `key` of a struct as JSON text, or `fallback` where there is none. */
static const char *member(const th_lit *object, const char *key, const char *fallback)
{
	th_str json;
	const th_lit *value = TH_LIT->get(object, th_s(key));

	return value && TH_LIT->as_json(value, &json) == TH_OK ? json.ptr : fallback;
}

/* ---- dataclasses ----------------------------------------------------------------------------- */

/* The LiteralTypes of two dataclasses, as flytekit writes them: Inner{name, weights} and
 * Outer{count, ratio, label, flag, inner, tags, note}. */
#define INNER_TYPE                                                                                 \
	"{\"annotation\":{\"annotations\":{\"cache-key-metadata\":{\"serialization-format\":"      \
	"\"msgpack\"}}},"                                                                          \
	"\"metadata\":{\"additionalProperties\":false,"                                            \
	"\"properties\":{\"name\":{\"type\":\"string\"},"                                          \
	"\"weights\":{\"items\":{\"type\":\"number\"},\"type\":\"array\"}},"                       \
	"\"required\":[\"name\",\"weights\"],\"title\":\"Inner\",\"type\":\"object\"},"            \
	"\"simple\":\"STRUCT\","                                                                   \
	"\"structure\":{\"dataclassType\":{\"name\":{\"simple\":\"STRING\"},"                      \
	"\"weights\":{\"collectionType\":{\"simple\":\"FLOAT\"}}}}}"

#define OUTER_TYPE                                                                                 \
	"{\"annotation\":{\"annotations\":{\"cache-key-metadata\":{\"serialization-format\":"      \
	"\"msgpack\"}}},"                                                                          \
	"\"metadata\":{\"additionalProperties\":false,"                                            \
	"\"properties\":{\"count\":{\"type\":\"integer\"},\"flag\":{\"type\":\"boolean\"},"        \
	"\"inner\":{\"additionalProperties\":false,"                                               \
	"\"properties\":{\"name\":{\"type\":\"string\"},"                                          \
	"\"weights\":{\"items\":{\"type\":\"number\"},\"type\":\"array\"}},"                       \
	"\"required\":[\"name\",\"weights\"],\"title\":\"Inner\",\"type\":\"object\"},"            \
	"\"label\":{\"type\":\"string\"},\"note\":{\"anyOf\":[{\"type\":\"string\"},"              \
	"{\"type\":\"null\"}],\"default\":null},\"ratio\":{\"type\":\"number\"},"                  \
	"\"tags\":{\"additionalProperties\":{\"type\":\"string\"},"                                \
	"\"propertyNames\":{\"type\":\"string\"},\"type\":\"object\"}},"                           \
	"\"required\":[\"count\",\"ratio\",\"label\",\"flag\",\"inner\"],"                         \
	"\"title\":\"Outer\",\"type\":\"object\"},\"simple\":\"STRUCT\","                          \
	"\"structure\":{\"dataclassType\":{\"count\":{\"simple\":\"INTEGER\"},"                    \
	"\"flag\":{\"simple\":\"BOOLEAN\"},"                                                       \
	"\"inner\":{\"annotation\":{\"annotations\":{\"cache-key-metadata\":{\"serialization-"     \
	"format\":\"msgpack\"}}},"                                                                 \
	"\"metadata\":{\"additionalProperties\":false,"                                            \
	"\"properties\":{\"name\":{\"type\":\"string\"},"                                          \
	"\"weights\":{\"items\":{\"type\":\"number\"},\"type\":\"array\"}},"                       \
	"\"required\":[\"name\",\"weights\"],\"title\":\"Inner\",\"type\":\"object\"},"            \
	"\"simple\":\"STRUCT\","                                                                   \
	"\"structure\":{\"dataclassType\":{\"name\":{\"simple\":\"STRING\"},"                      \
	"\"weights\":{\"collectionType\":{\"simple\":\"FLOAT\"}}}}},"                              \
	"\"label\":{\"simple\":\"STRING\"},"                                                       \
	"\"note\":{\"unionType\":{\"variants\":[{\"simple\":\"STRING\","                           \
	"\"structure\":{\"tag\":\"str\"}},{\"simple\":\"NONE\","                                   \
	"\"structure\":{\"tag\":\"none\"}}]}},\"ratio\":{\"simple\":\"FLOAT\"},"                   \
	"\"tags\":{\"mapValueType\":{\"simple\":\"STRING\"}}}}}"

/* An integer; one that came as 1.0 too, as in Python. */
static th_status whole(const th_lit *lit, int64_t *ret)
{
	double value;
	th_status st = TH_LIT->as_i64(lit, ret);

	if (st != TH_E_TYPE || TH_LIT->as_f64(lit, &value) != TH_OK)
		return st;
	if (!(value >= -0x1p63 && value < 0x1p63))
		return TH_E_TYPE;
	*ret = (int64_t)value;
	return TH_OK;
}

#define DC(X) X(in, o, literal, "o", OUTER_TYPE) X(out, o0, literal, "o0", OUTER_TYPE)
TH_TASK(dc, DC, "count + 1, weights doubled")
{
	struct text t = {run, NULL, 0, 0, 0};
	const th_lit *inner = TH_LIT->get(in->o, th_s("inner"));
	const th_lit *weights = TH_LIT->get(inner, th_s("weights"));
	int64_t count = 0;
	uint64_t n = 0;
	char number[40];
	th_status st = whole(TH_LIT->get(in->o, th_s("count")), &count);

	if (st != TH_OK || TH_LIT->len(weights, &n) != TH_OK)
		return th_fail(run, "USER:TypeError", "that is not an Outer");
	if (__builtin_add_overflow(count, 1, &count))
		return too_large(run);
	add(&t, "{\"count\":%lld,\"ratio\":%s,\"label\":%s,\"flag\":%s", (long long)count,
	    member(in->o, "ratio", "0.0"), member(in->o, "label", "\"\""),
	    member(in->o, "flag", "false"));
	add(&t, ",\"inner\":{\"name\":%s,\"weights\":[", member(inner, "name", "\"\""));
	for (uint64_t i = 0; i < n; i++) {
		double weight = 0;

		if (TH_LIT->as_f64(TH_LIT->item(weights, i), &weight) != TH_OK)
			return th_fail(run, "USER:TypeError", "a weight is no number");
		python_float(number, sizeof(number), weight * 2);
		add(&t, "%s%s", i ? "," : "", number);
	}
	add(&t, "]},\"tags\":%s,\"note\":%s}", member(in->o, "tags", "{}"),
	    member(in->o, "note", "null"));
	return t.failed ? TH_E_NOMEM : TH_LIT->set_json(out->o0, th_str_n(t.ptr, t.len));
}

#define DC_LIST(X)                                                                                 \
	X(in, xs, literal, "xs", "{\"collectionType\":" INNER_TYPE "}")                            \
	X(out, o0, literal, "o0", "{\"mapValueType\":" INNER_TYPE "}")
TH_TASK(dc_list, DC_LIST, "Dataclasses by their names")
{
	uint64_t n = 0;
	th_status st = TH_LIT->len(in->xs, &n);

	if (st == TH_OK)
		st = TH_LIT->set_map(out->o0);
	for (uint64_t i = 0; st == TH_OK && i < n; i++) {
		const th_lit *item = TH_LIT->item(in->xs, i);
		th_str name;
		th_val *slot;

		st = TH_LIT->as_str(TH_LIT->get(item, th_s("name")), &name);
		if (st == TH_OK)
			st = TH_LIT->put(out->o0, name, &slot);
		if (st == TH_OK)
			st = TH_LIT->set_literal(slot, item);
	}
	return st;
}

#define UNTYPED_DICT(X) X(in, m, literal, "m", "{\"simple\":\"STRUCT\"}") X(out, o0, json, "o0")
TH_TASK(untyped_dict, UNTYPED_DICT, "The dict in a dict, with its length")
{
	struct text t = {run, NULL, 0, 0, 0};
	uint64_t n = 0;
	th_str json;
	th_status st = TH_LIT->as_json(in->m, &json);

	if (st == TH_OK)
		st = TH_LIT->len(in->m, &n);
	if (st != TH_OK)
		return st;
	add(&t, "{\"wrapped\":%s,\"n\":%llu}", json.ptr, (unsigned long long)n);
	out->o0 = th_str_n(t.ptr, t.len);
	return t.failed ? TH_E_NOMEM : TH_OK;
}

/* ---- files and directories ------------------------------------------------------------------- */

static th_status copy_file(const th_run *run, const char *from, const char *to, int (*change)(int))
{
	int c;
	FILE *in = fopen(from, "r"), *out = fopen(to, "w");

	if (in && out)
		while ((c = getc(in)) != EOF)
			putc(change ? change(c) : c, out);
	if (!in || !out || ferror(in) || ferror(out) || fflush(out) != 0) {
		th_fail_system(run, "SYSTEM:OSError", "%s to %s: %s", from, to, strerror(errno));
		if (in)
			fclose(in);
		if (out)
			fclose(out);
		return TH_E_SYSTEM;
	}
	fclose(in);
	fclose(out);
	return TH_OK;
}

static char *working_path(const th_run *run, const char *name)
{
	struct text t = {run, NULL, 0, 0, 0};
	th_str wd;

	if (TH_CONTEXT->get(run->exec, TH_CTX_WORKING_DIRECTORY, &wd) != TH_OK)
		return NULL;
	add(&t, "%s/%s", wd.ptr, name);
	return t.failed ? NULL : t.ptr;
}

#define FILE_TASK(X) X(in, f, file, "f") X(out, o0, file, "o0")
TH_TASK(file_task, FILE_TASK, "The file in capital letters")
{
	th_str path;
	char *to = working_path(run, "upper.txt");
	th_status st = TH_LIT->local_path(run->exec, th_input(run, "f"), &path, run->error);

	if (st == TH_OK && !to)
		return TH_E_NOMEM;
	out->o0.uri = th_s(to);
	return st == TH_OK ? copy_file(run, path.ptr, to, toupper) : st;
}

#define CSV_FILE_TASK(X)                                                                           \
	X(in, f, literal, "f", "{\"blob\":{\"format\":\"csv\"}}") X(out, o0, integer, "o0")
TH_TASK(csv_file_task, CSV_FILE_TASK, "How many lines the file has")
{
	th_str path;
	int c;
	FILE *f;
	th_status st = TH_LIT->local_path(run->exec, in->f, &path, run->error);

	if (st != TH_OK)
		return st;
	f = fopen(path.ptr, "r");
	if (!f)
		return th_fail_system(run, "", "%s: %s", path.ptr, strerror(errno));
	while ((c = getc(f)) != EOF)
		out->o0 += c == '\n';
	fclose(f);
	return TH_OK;
}

/* Calls `each` for every visible name in a directory. */
static th_status
walk(const th_run *run,
     const char *path,
     th_status (*each)(const th_run *run, const char *path, const char *name, void *data),
     void *data)
{
	struct dirent *entry;
	th_status st = TH_OK;
	DIR *d = opendir(path);

	if (!d)
		return th_fail_system(run, "SYSTEM:OSError", "%s: %s", path, strerror(errno));
	while (st == TH_OK && (entry = readdir(d)))
		if (entry->d_name[0] != '.')
			st = each(run, path, entry->d_name, data);
	closedir(d);
	return st;
}

static th_status copy_one(const th_run *run, const char *path, const char *name, void *data)
{
	struct text from = {run, NULL, 0, 0, 0}, to = {run, NULL, 0, 0, 0};

	add(&from, "%s/%s", path, name);
	add(&to, "%s/%s.copy", (const char *)data, name);
	if (from.failed || to.failed)
		return TH_E_NOMEM;
	return copy_file(run, from.ptr, to.ptr, NULL);
}

#define DIR_TASK(X) X(in, d, directory, "d") X(out, o0, directory, "o0")
TH_TASK(dir_task, DIR_TASK, "A copy of each file")
{
	th_str path;
	char *to = working_path(run, "copies");
	th_status st = TH_LIT->local_path(run->exec, th_input(run, "d"), &path, run->error);

	if (st != TH_OK)
		return st;
	if (!to)
		return TH_E_NOMEM;
	if (mkdir(to, 0755) != 0)
		return th_fail_system(run, "SYSTEM:OSError", "%s: %s", to, strerror(errno));
	out->o0.uri = th_s(to);
	return walk(run, path.ptr, copy_one, to);
}

/* ---- tables ---------------------------------------------------------------------------------- */

static th_status count_one(const th_run *run, const char *path, const char *name, void *data)
{
	(void)run;
	(void)path;
	(void)name;
	++*(int64_t *)data;
	return TH_OK;
}

#define SCHEMA_T(X)                                                                                \
	X(in, s, literal, "s",                                                                     \
	  "{\"schema\":{\"columns\":[{\"name\":\"x\"},{\"name\":\"y\",\"type\":\"FLOAT\"},"        \
	  "{\"name\":\"z\",\"type\":\"STRING\"},{\"name\":\"w\",\"type\":\"BOOLEAN\"},"            \
	  "{\"name\":\"t\",\"type\":\"DATETIME\"},{\"name\":\"u\",\"type\":\"DURATION\"}]}}")      \
	X(out, o0, integer, "o0")
TH_TASK(schema_t, SCHEMA_T, "How many files the table has")
{
	th_str path;
	th_status st = TH_LIT->local_path(run->exec, in->s, &path, run->error);

	return st == TH_OK ? walk(run, path.ptr, count_one, &out->o0) : st;
}

#define SD_T(X)                                                                                    \
	X(in, s, literal, "s",                                                                     \
	  "{\"structuredDatasetType\":{\"columns\":["                                              \
	  "{\"name\":\"name\",\"literalType\":{\"simple\":\"STRING\"}},"                           \
	  "{\"name\":\"age\",\"literalType\":{\"simple\":\"INTEGER\"}}]}}")                        \
	X(out, o0, literal, "o0", "{\"structuredDatasetType\":{}}")
TH_TASK(sd_t, SD_T, "The dataset it was given")
{
	return TH_LIT->set_literal(out->o0, in->s);
}
