#include "abi/note.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/args.h"
#include "cli/output.h"
#include "cli/verb.h"
#include "template.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct options {
	const char *dir, *output;
	bool cpp;
};

static const struct args_option options[] = {
	{.name = "dir",
	 .letter = 'd',
	 .kind = ARGS_TEXT,
	 .offset = offsetof(struct options, dir),
	 .value = "DIR",
	 .help = "The folder to make; ./NAME unless given. It must be new or empty."},
	{.name = "cpp",
	 .kind = ARGS_FLAG,
	 .offset = offsetof(struct options, cpp),
	 .help = "C++ instead of C."},
	{.name = "output",
	 .letter = 'o',
	 .kind = ARGS_CHOICE,
	 .offset = offsetof(struct options, output),
	 .value = "text|json",
	 .help = "How to print."},
};

static const struct args_command command = {
	.operands = "NAME",
	.about =
		"Makes a folder with a plugin that builds and runs as it is: source, meson.build, "
		"a\nsample with its expected result, README. NAME is the plugin's id: dotted words "
		"of\nlower-case letters, digits and _.",
	.options = options,
	.n_options = sizeof(options) / sizeof(*options),
	.min_operands = 1,
	.max_operands = 1,
	.notes = "JSON: {\"plugin\",\"directory\",\"files\":[...]}",
	.examples = "taskhost plugin new greet --dir greet\n"
		    "taskhost plugin new acme.stats --cpp",
};

/* What stands between two @ in a template. */
struct words {
	const char *key, *value;
};

static const struct file {
	const char *name, *text;
	mode_t mode;
	enum { ALWAYS, ONLY_C, ONLY_CPP } when;
} files[] = {
	{"meson.build", template_meson_build, 0644, ALWAYS},
	{"plugin.c", template_plugin_c, 0644, ONLY_C},
	{"plugin.cpp", template_plugin_cpp, 0644, ONLY_CPP},
	{"README.md", template_README_md, 0644, ALWAYS},
	{"check", template_check, 0755, ALWAYS},
	{"sample/inputs.json", template_inputs_json, 0644, ALWAYS},
	{"sample/outputs.json", template_outputs_json, 0644, ALWAYS},
};

static void fill_in(const char *text, const struct words *words, struct buf *out)
{
	while (*text) {
		const struct words *w = words;

		while (w->key && strncmp(text, w->key, strlen(w->key)) != 0)
			w++;
		if (w->key) {
			buf_puts(out, w->value);
			text += strlen(w->key);
		} else {
			buf_putc(out, *text++);
		}
	}
}

static int
write_file(const char *dir, const struct file *f, const struct words *words, struct error *err)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	_cleanup_(freep) char *path = path_join(dir, f->name);
	int rc;

	fill_in(f->text, words, &text);
	if (!path)
		return err_nomem(err, f->name);
	rc = buf_check(&text, f->name, err);
	return rc < 0 ? rc : file_write_atomic(path, text.data, text.len, f->mode, false, err);
}

static int make_folder(const char *dir, struct error *err)
{
	_cleanup_(freep) char *sample = path_join(dir, "sample");
	const struct dirent *e;
	DIR *d = opendir(dir);
	bool empty = true;

	if (!sample) {
		if (d)
			closedir(d);
		return err_nomem(err, dir);
	}
	if (!d && errno != ENOENT)
		return err_set_errno(err, err_from_errno(errno), errno, "%s", dir);
	while (d && (e = readdir(d)))
		empty = empty && (streq(e->d_name, ".") || streq(e->d_name, ".."));
	if (d)
		closedir(d);
	if (!empty)
		return err_set(err, ERR_DENIED,
			       "%s is not empty; name a new folder with --dir, or empty it", dir);
	return dir_make(sample, 0755, err);
}

static int check_name(const char *name, struct error *err)
{
	static const char *const reserved[] = {"taskhost", "flytekit"};

	if (!plugin_id_valid(str_of(name)))
		return err_set(
			err, ERR_INVALID,
			"'%s' cannot be a plugin's id: dotted words, each a lower-case letter "
			"and then lower-case letters, digits or _",
			name);
	for (size_t i = 0; i < ARRAY_LEN(reserved); i++) {
		size_t len = strlen(reserved[i]);

		if (strncmp(name, reserved[i], len) == 0 && (name[len] == '\0' || name[len] == '.'))
			return err_set(err, ERR_INVALID, "the id '%s' is reserved", reserved[i]);
	}
	return 0;
}

static bool is_wanted(const struct file *f, const struct options *o)
{
	return f->when != (o->cpp ? ONLY_C : ONLY_CPP);
}

static void made_json(const struct options *o, const char *name, const char *dir, struct buf *out)
{
	struct jw w = JW_INIT(out, 2);

	jw_object_begin(&w);
	jw_kv_strz(&w, "plugin", name);
	jw_kv_strz(&w, "directory", dir);
	jw_keyz(&w, "files");
	jw_array_begin(&w);
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		if (is_wanted(&files[i], o))
			jw_strz(&w, files[i].name);
	jw_array_end(&w);
	jw_object_end(&w);
	buf_putc(out, '\n');
}

static int make_plugin(const char *prog, const struct options *o, const char *name)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT;
	const char *dir = o->dir ? o->dir : name;
	const struct words words[] = {{"@ID@", name},
				      {"@LANGUAGE@", o->cpp ? "cpp" : "c"},
				      {"@STANDARD@", o->cpp ? "c++17" : "c11"},
				      {"@SOURCE@", o->cpp ? "plugin.cpp" : "plugin.c"},
				      {"@COMPILER@", o->cpp ? "c++" : "cc"},
				      {NULL, NULL}};
	struct error err = ERROR_INIT;

	if (check_name(name, &err) < 0)
		return args_usage_error(&command, prog, err.message);
	if (make_folder(dir, &err) < 0)
		return output_error(prog, &err);
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		if (is_wanted(&files[i], o) && write_file(dir, &files[i], words, &err) < 0)
			return output_error(prog, &err);
	if (streq(o->output, "json"))
		made_json(o, name, dir, &text);
	else
		buf_printf(&text,
			   "%s: plugin %s. Next:\n"
			   "  cd %s && meson setup build && meson test -C build\n",
			   dir, name, dir);
	return output_text(&text);
}

int verb_plugin_new(const char *prog, int argc, char **argv)
{
	struct options o = {.output = "text"};
	struct args_list operands = ARGS_LIST_INIT;
	int code = args_read(&command, prog, argc, argv, &o, &operands);

	if (code < 0)
		code = make_plugin(prog, &o, operands.items[0]);
	args_done(&command, &o, &operands);
	return code;
}
