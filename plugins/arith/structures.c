/* The kinds of value with an inside: structs, files, directories, tables, errors. */
#include <taskhost/author.h>

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

/* Opens `name` in the execution's own empty directory; the host uploads what an output names. */
static FILE *new_file(const th_run *run, const char *name, th_str *ret_path)
{
	th_str directory;
	char *path;
	size_t size;

	if (TH_CONTEXT->get(run->exec, TH_CTX_WORKING_DIRECTORY, &directory) != TH_OK)
		return NULL;
	size = directory.len + strlen(name) + 2;
	path = (char *)TH_HOST->arena_alloc(run->exec, size, 1);
	if (!path)
		return NULL;
	snprintf(path, size, "%s/%s", directory.ptr, name);
	*ret_path = th_s(path);
	return fopen(path, "w");
}

/* Opens an input's content, fetched first when it is not on this machine. */
static FILE *open_input(const th_run *run, const char *name)
{
	th_str path;

	if (TH_LIT->local_path(run->exec, th_input(run, name), &path, run->error) != TH_OK)
		return NULL;
	return fopen(path.ptr, "r");
}

static th_status close_written(const th_run *run, FILE *f)
{
	int failed = ferror(f);

	if (fclose(f) != 0 || failed)
		return th_fail_system(run, "SYSTEM:OSError", "cannot write an output: %s",
				      strerror(errno));
	return TH_OK;
}

/* ---- structs: dataclasses and untyped containers, read member by member ---------------------- */

#define AREA(X)                                                                                    \
	X(in, rectangle, literal, "an object with width and height", "{\"simple\":\"STRUCT\"}")    \
	X(out, o0, json, "the object, with its area")
TH_TASK(area, AREA, "The area of a rectangle")
{
	char *text = (char *)TH_HOST->arena_alloc(run->exec, 200, 1);
	double width, height;

	if (!text)
		return TH_E_NOMEM;
	if (TH_LIT->as_f64(TH_LIT->get(in->rectangle, th_s("width")), &width) != TH_OK ||
	    TH_LIT->as_f64(TH_LIT->get(in->rectangle, th_s("height")), &height) != TH_OK)
		return th_fail(run, "USER:ValueError", "a rectangle has a width and a height");
	snprintf(text, 200, "{\"width\":%.17g,\"height\":%.17g,\"area\":%.17g}", width, height,
		 width * height);
	out->o0 = th_s(text);
	return TH_OK;
}

/* The older form of a struct, google.protobuf.Struct, in and out. */
#define DESCRIBE(X)                                                                                \
	X(in, anything, literal, "any object", "{\"simple\":\"STRUCT\"}")                          \
	X(out, o0, literal, "how many members, and the name of the first",                         \
	  "{\"simple\":\"STRUCT\"}")
TH_TASK(describe, DESCRIBE, "Describes an object")
{
	char text[400];
	th_str first = {"", 0};
	uint64_t n = 0;

	if (TH_LIT->len(in->anything, &n) != TH_OK)
		return th_fail(run, "USER:TypeError", "that is not an object");
	if (n)
		TH_LIT->entry(in->anything, 0, &first);
	for (size_t i = 0; i < first.len; i++)
		if (first.len > 200 || first.ptr[i] == '"' || first.ptr[i] == '\\' ||
		    (unsigned char)first.ptr[i] < ' ')
			return th_fail(run, "USER:ValueError", "a member has a name to escape");
	snprintf(text, sizeof(text), "{\"members\":%llu,\"first\":\"%s\"}", (unsigned long long)n,
		 first.ptr);
	return TH_LIT->set_generic(out->o0, th_s(text));
}

/* ---- files ----------------------------------------------------------------------------------- */

#define UPPER(X)                                                                                   \
	X(in, text, file, "a text file")                                                           \
	X(out, o0, file, "the same in capital letters")
TH_TASK(upper, UPPER, "Turns a file into capital letters")
{
	int c;
	FILE *to, *from = open_input(run, "text");

	if (!from)
		return TH_E_SYSTEM;
	to = new_file(run, "upper.txt", &out->o0.uri);
	if (!to) {
		fclose(from);
		return th_fail_system(run, "SYSTEM:OSError", "no file: %s", strerror(errno));
	}
	while ((c = getc(from)) != EOF)
		putc(toupper(c), to);
	fclose(from);
	return close_written(run, to);
}

/* ---- directories ----------------------------------------------------------------------------- */

#define FILES(X)                                                                                   \
	X(in, folder, directory, "any directory")                                                  \
	X(out, o0, integer, "how many files are in it")
TH_TASK(files, FILES, "Counts the files in a directory")
{
	struct dirent *entry;
	DIR *folder;
	th_str path;
	th_status st = TH_LIT->local_path(run->exec, th_input(run, "folder"), &path, run->error);

	if (st != TH_OK)
		return st;
	folder = opendir(path.ptr);
	if (!folder)
		return th_fail_system(run, "SYSTEM:OSError", "cannot list %s: %s", path.ptr,
				      strerror(errno));
	while ((entry = readdir(folder)))
		out->o0 += entry->d_name[0] != '.';
	closedir(folder);
	return TH_OK;
}

#define SPLIT(X)                                                                                   \
	X(in, words, strings, "words")                                                             \
	X(out, o0, directory, "one file for each word, named by its place")
TH_TASK(split, SPLIT, "Writes words into the files of a directory")
{
	th_str folder, path, word;
	char name[64], *text;
	uint64_t n = 0;
	th_status st = TH_LIT->len(in->words, &n);

	if (st != TH_OK || TH_CONTEXT->get(run->exec, TH_CTX_WORKING_DIRECTORY, &folder) != TH_OK)
		return TH_E_SYSTEM;
	text = (char *)TH_HOST->arena_alloc(run->exec, folder.len + sizeof("/words"), 1);
	if (!text)
		return TH_E_NOMEM;
	snprintf(text, folder.len + sizeof("/words"), "%s/words", folder.ptr);
	if (mkdir(text, 0755) != 0)
		return th_fail_system(run, "SYSTEM:OSError", "no directory: %s", strerror(errno));
	for (uint64_t i = 0; st == TH_OK && i < n; i++) {
		FILE *f;

		st = TH_LIT->as_str(TH_LIT->item(in->words, i), &word);
		if (st != TH_OK)
			break;
		snprintf(name, sizeof(name), "words/%llu.txt", (unsigned long long)i);
		f = new_file(run, name, &path);
		if (!f)
			return th_fail_system(run, "SYSTEM:OSError", "no file: %s",
					      strerror(errno));
		fwrite(word.ptr, 1, word.len, f);
		st = close_written(run, f);
	}
	out->o0.uri = th_s(text);
	return st;
}

/* ---- tables: a structured dataset out, a dataset and a schema in ----------------------------- */

#define SQUARES(X)                                                                                 \
	X(in, n, integer, "how many rows")                                                         \
	X(out, o0, dataset, "a CSV file with the columns n and square")
TH_TASK(squares, SQUARES, "Makes a table of squares")
{
	FILE *f;

	if (in->n < 0 || in->n > 1000000)
		return th_fail(run, "USER:ValueError", "n must be from 0 to 1000000");
	f = new_file(run, "squares.csv", &out->o0.uri);
	if (!f)
		return th_fail_system(run, "SYSTEM:OSError", "no file: %s", strerror(errno));
	fputs("n,square\r\n", f);
	for (int64_t i = 1; i <= in->n; i++)
		fprintf(f, "%lld,%lld\r\n", (long long)i, (long long)(i * i));
	out->o0.format = th_s("csv");
	return close_written(run, f);
}

#define ROWS(X)                                                                                    \
	X(in, table, literal, "a dataset of lines",                                                \
	  "{\"structuredDatasetType\":{\"format\":\"csv\"}}")                                      \
	X(out, o0, integer, "lines after the first")
TH_TASK(rows, ROWS, "Counts the rows of a CSV dataset")
{
	int c, last = '\n';
	FILE *f = open_input(run, "table");

	if (!f)
		return TH_E_SYSTEM;
	while ((c = getc(f)) != EOF) {
		out->o0 += c == '\n';
		last = c;
	}
	fclose(f);
	out->o0 += last != '\n';
	out->o0 -= out->o0 > 0;
	return TH_OK;
}

#define SCHEMA_FORMAT(X)                                                                           \
	X(in, table, literal, "a table", "{\"schema\":{}}")                                        \
	X(out, o0, literal, "the same table", "{\"schema\":{}}")                                   \
	X(out, uri, string, "where its files are")
TH_TASK(place, SCHEMA_FORMAT, "Tells where a schema's files are, and passes it on")
{
	th_dataset table;
	th_status st = TH_LIT->as_dataset(in->table, &table);

	if (st != TH_OK)
		return st;
	out->uri = table.uri;
	return TH_LIT->set_literal(out->o0, in->table);
}

/* ---- errors as values: what a failure node receives ------------------------------------------ */

#define EXPLAIN(X)                                                                                 \
	X(in, problem, literal, "an error", "{\"simple\":\"ERROR\"}")                              \
	X(out, text, string, "its message")                                                        \
	X(out, o0, literal, "the same error, of a node named again", "{\"simple\":\"ERROR\"}")
TH_TASK(explain, EXPLAIN, "Reads and writes an error")
{
	th_str node;
	th_status st = TH_LIT->as_error(in->problem, &node, &out->text);

	return st == TH_OK ? TH_LIT->set_error(out->o0, th_s("again"), out->text) : st;
}

/* ---- what goes with any literal: a hash for the cache, and metadata -------------------------- */

#define TAGGED(X)                                                                                  \
	X(in, a, integer, "any number")                                                            \
	X(out, o0, literal, "the number, hashed by its value", "{\"simple\":\"INTEGER\"}")
TH_TASK(tagged, TAGGED, "Adds a hash and metadata to a value")
{
	char hash[32];
	th_status st = TH_LIT->set_i64(out->o0, in->a);

	snprintf(hash, sizeof(hash), "n-%lld", (long long)in->a);
	if (st == TH_OK)
		st = TH_LIT->set_hash(out->o0, th_s(hash));
	if (st == TH_OK)
		st = TH_LIT->set_metadata(out->o0, th_s("parity"),
					  in->a % 2 ? th_s("odd") : th_s("even"));
	return st;
}
