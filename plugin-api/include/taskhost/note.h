/* The ELF note: what a host knows of a plugin before any of its code runs.
 *
 * Section ".note.taskhost", owner "taskhost", one record for the plugin and one for each task,
 * executor and resolver. The descriptor is JSON text of at most 4,000 bytes, padded with NULs.
 * Lists end in an empty object, since the preprocessor cannot drop a comma; "index" gives the
 * order, since compilers may reverse the records. The authoring macros write all of it:
 *
 *   TH_NOTE_PLUGIN    {"note":1,"abi":[1,0],"id":"arith","version":"1.0.0","about":"…",
 *                      "needs":["th.literal/1","th.model/1"]}
 *   TH_NOTE_TASK      {"task":"add","index":12,"about":"…","options":[OPTION…,{}],
 *                      "variables":[VARIABLE…,{}]}
 *   TH_NOTE_EXECUTOR  {"executor":"Echo","index":30,"about":"…","options":[OPTION…,{}]}
 *   TH_NOTE_RESOLVER  {"resolver":"symbol","index":40,"about":"…"}
 *   VARIABLE          {"in":"a","type":LITERALTYPE,"about":["description"]}, "opt" (an input with a
 *                     default) or "out" instead of "in". Types are in protobuf's JSON.
 *   OPTION            {"task_type":"echo","version":0,"sync":false} {"alias":"…"}
 *                     {"needs":"th.deck/1"} {"retries":3} {"timeout":"90s"} {"cache":"1.0"}
 *                     {"deck":true}
 *
 * "note" is the version of this form. A reader refuses a higher one and ignores members it does
 * not know. */
#ifndef TASKHOST_NOTE_H
#define TASKHOST_NOTE_H

#include <stdint.h>

#define TH_NOTE_SECTION ".note.taskhost"
#define TH_NOTE_OWNER   "taskhost"
#define TH_NOTE_VERSION 1
#define TH_NOTE_MAX     4000

enum { TH_NOTE_PLUGIN = 1, TH_NOTE_TASK = 2, TH_NOTE_EXECUTOR = 3, TH_NOTE_RESOLVER = 4 };

#ifdef __cplusplus
#define TH_STATIC_ASSERT(cond, text) static_assert(cond, text)
#else
#define TH_STATIC_ASSERT(cond, text) _Static_assert(cond, text)
#endif

/* One record. `json` is one string literal (adjacent ones are joined by the compiler). */
#define TH_NOTE_RECORD(symbol, kind, json)                                                         \
	TH_STATIC_ASSERT(sizeof(json) <= TH_NOTE_MAX,                                              \
			 "the note of " #symbol " is over 4000 bytes");                            \
	__attribute__((section(TH_NOTE_SECTION), used, aligned(4))) static const struct {          \
		uint32_t name_size, desc_size, type;                                               \
		char name[12];                                                                     \
		char desc[(sizeof(json) + 3) / 4 * 4];                                             \
	} symbol = {sizeof(TH_NOTE_OWNER), (sizeof(json) + 3) / 4 * 4, kind, TH_NOTE_OWNER, json}

#define TH_NOTE_TEXT(x)   #x
#define TH_NOTE_NUMBER(x) TH_NOTE_TEXT(x)

/* Options of tasks and executors; write them one after the other, without commas. */
#define TH_NO_OPTIONS           ""
#define TH_TASK_TYPE(type)      "{\"task_type\":\"" type "\"},"
#define TH_SYNC_TASK_TYPE(type) "{\"task_type\":\"" type "\",\"sync\":true},"
/* The same for templates with another task_type_version than 0. */
#define TH_TASK_TYPE_VERSION(type, version)                                                        \
	"{\"task_type\":\"" type "\",\"version\":" TH_NOTE_NUMBER(version) "},"
#define TH_SYNC_TASK_TYPE_VERSION(type, version)                                                   \
	"{\"task_type\":\"" type "\",\"version\":" TH_NOTE_NUMBER(version) ",\"sync\":true},"
#define TH_ALIAS(location)   "{\"alias\":\"" location "\"},"
#define TH_NEEDS(extension)  "{\"needs\":\"" extension "\"},"
#define TH_RETRIES(n)        "{\"retries\":" TH_NOTE_NUMBER(n) "},"
#define TH_TIMEOUT(duration) "{\"timeout\":\"" duration "\"},"
#define TH_CACHE(version)    "{\"cache\":\"" version "\"},"
#define TH_DECK()            "{\"deck\":true},"

#endif
