/* For the tests of the type engine: types from JSON, literals from JSON, fixtures. */
#pragma once

#include "base/digest.h"
#include "base/file.h"
#include "flyte/document.h"
#include "flyte/human.h"
#include "flyte/literal.h"
#include "flyte/message.h"
#include "flyte/pbjson.h"
#include "lib/test.h"

#include "desc_table.h"

#include <dirent.h>
#include <unistd.h>

static struct arena help_arena __attribute__((unused));
static struct error help_err __attribute__((unused));

/* A LiteralType or Literal from protobuf's JSON. */
static inline LiteralType *type_json(const char *json)
{
	LiteralType *t = NULL;

	CHECK_OK(literal_type_from_json(str_of(json), "type", &help_arena, &t, &help_err),
		 help_err);
	return t;
}

static inline Literal *literal_json(const char *json)
{
	struct buf wire = BUF_INIT;
	Literal *lit = NULL;

	CHECK_OK(pbjson_parse(MESSAGE_DESC(flyteidl__core__literal), str_of(json), "literal", &wire,
			      &help_err),
		 help_err);
	CHECK_OK(literal_decode((struct str){wire.data, wire.len}, "literal", &help_arena, &lit,
				&help_err),
		 help_err);
	buf_done(&wire);
	return lit;
}

static inline struct str golden_read(const char *path)
{
	struct buf b = BUF_INIT;
	struct str s;

	CHECK_OK(file_read(test_golden(path), (size_t)64 << 20, &b, &help_err), help_err);
	s = (struct str){arena_strndup(&help_arena, b.data, b.len), b.len};
	buf_done(&b);
	return s;
}

/* From text in the human form. */
static inline int
human_json(const char *text, const LiteralType *type, const char *name, Literal **ret)
{
	json_t *j = NULL;
	int r;

	CHECK_OK(json_parse(str_of(text), "test", &j, &help_err), help_err);
	r = human_to_literal(j, type, name, NULL, &help_arena, ret, &help_err);
	json_decref(j);
	return r;
}

/* In the human form, on one line; valid until the next call. */
static inline const char *human_text(const Literal *lit, const LiteralType *type)
{
	static struct buf out;
	struct jw w = JW_INIT(&out, 0);

	buf_clear(&out);
	CHECK_OK(human_print(lit, type, &w, &help_err), help_err);
	return out.data;
}

static inline const char *hex_of(const ProtobufCMessage *m)
{
	struct buf wire = BUF_INIT;
	char *hex;

	CHECK_OK(message_encode(m, &wire, &help_err), help_err);
	hex = arena_alloc(&help_arena, 2 * wire.len + 1);
	hex_encode(wire.data, wire.len, hex);
	buf_done(&wire);
	return hex;
}

static inline struct str unhex(const char *hex)
{
	size_t n = strlen(hex) / 2;
	char *bytes = arena_alloc(&help_arena, n + 1);

	for (size_t i = 0; i < n; i++) {
		unsigned byte = 0;

		CHECK(sscanf(hex + 2 * i, "%2x", &byte) == 1);
		bytes[i] = (char)byte;
	}
	return (struct str){bytes, n};
}

/* Runs `each` for every <name>.pb in a folder of the fixtures; how many there were. */
static inline size_t golden_each(const char *folder,
				 void (*each)(const char *name, struct str wire))
{
	DIR *dir = opendir(test_golden(folder));
	struct dirent *e;
	size_t n = 0;

	CHECK(dir != NULL);
	while ((e = readdir(dir))) {
		char name[256], path[512];

		if (!str_ends(str_of(e->d_name), ".pb"))
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)(strlen(e->d_name) - 3), e->d_name);
		snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
		each(name, golden_read(path));
		n++;
	}
	closedir(dir);
	return n;
}
