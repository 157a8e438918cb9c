#include "flyte/desc.h"

#include "base/mem.h"

#include <stdatomic.h>

const struct message_desc *message_desc_find(struct str name)
{
	size_t lo = 0, hi = message_table_len;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int order = str_cmp(name, str_of(message_table[mid]->name));

		if (order == 0)
			return message_table[mid];
		if (order < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

static const char *last_word(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot ? dot + 1 : name;
}

const char *message_desc_suggest(struct str name)
{
	_cleanup_(freep) const char **names = calloc(message_table_len, sizeof(*names));
	char typed[128];
	const char *found;

	if (!names || name.len >= sizeof(typed) || name.len == 0)
		return NULL;
	memcpy(typed, name.ptr, name.len);
	typed[name.len] = '\0';
	for (size_t i = 0; i < message_table_len; i++)
		if (streq(last_word(message_table[i]->name), typed))
			return message_table[i]->name;
	for (size_t i = 0; i < message_table_len; i++)
		names[i] = message_table[i]->name;
	found = suggest(typed, names, message_table_len);
	if (found)
		return found;
	for (size_t i = 0; i < message_table_len; i++)
		names[i] = last_word(message_table[i]->name);
	found = suggest(last_word(typed), names, message_table_len);
	for (size_t i = 0; found && i < message_table_len; i++)
		if (names[i] == found)
			return message_table[i]->name;
	return NULL;
}

/* Types found lately, at a place that their descriptor's address chooses. */
static _Atomic(const struct message_desc *) lately[64];

const struct message_desc *message_desc_of(const ProtobufCMessage *m)
{
	_Atomic(const struct message_desc *) *place;
	const struct message_desc *found;
	uintptr_t address;

	if (!m || !m->descriptor)
		return NULL;
	address = (uintptr_t)m->descriptor;
	place = &lately[(address >> 4 ^ address >> 10) % ARRAY_LEN(lately)];
	found = atomic_load_explicit(place, memory_order_relaxed);
	if (found && found->c == m->descriptor)
		return found;
	found = message_desc_find(str_of(m->descriptor->name));
	if (!found || found->c != m->descriptor)
		return NULL;
	atomic_store_explicit(place, found, memory_order_relaxed);
	return found;
}

const struct field_desc *message_field_named(const struct message_desc *m, struct str name)
{
	for (size_t i = 0; i < m->n_fields; i++)
		if (str_is(name, m->fields[i].json_name) || str_is(name, m->fields[i].name))
			return &m->fields[i];
	return NULL;
}

const struct enum_value *enum_value_of(const struct enum_desc *e, int32_t number)
{
	for (size_t i = 0; i < e->n_values; i++)
		if (e->values[i].number == number)
			return &e->values[i];
	return NULL;
}

const struct enum_value *enum_value_named(const struct enum_desc *e, struct str name)
{
	for (size_t i = 0; i < e->n_values; i++)
		if (str_is(name, e->values[i].name))
			return &e->values[i];
	return NULL;
}
