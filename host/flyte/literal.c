#include "flyte/literal_parts.h"

#include "flyte/message.h"

#include "desc_table.h"

const Variable *interface_find(const VariableMap *vars, struct str name)
{
	for (size_t i = 0; vars && i < vars->n_variables; i++)
		if (str_is(name, vars->variables[i]->key))
			return vars->variables[i]->value;
	return NULL;
}

Literal *literal_map_find(const LiteralMap *map, struct str name)
{
	for (size_t i = 0; map && i < map->n_literals; i++)
		if (map->literals[i]->key && str_is(name, map->literals[i]->key))
			return map->literals[i]->value;
	return NULL;
}

bool literal_equal(const Literal *a, const Literal *b)
{
	if (!a || !b)
		return a == b;
	return message_equal(MESSAGE_DESC(flyteidl__core__literal), a, b);
}
