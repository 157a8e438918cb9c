#include "store/state.h"

#include <stddef.h>
#include <strings.h>

static const struct {
	const char *name;
	bool durable;
} states[EXEC_STATES] = {
#define X(name, number, durable) [number] = {#name, durable},
	EXEC_STATE_MAP(X)
#undef X
};

const char *exec_state_name(int number)
{
	if (number < 0 || number >= EXEC_STATES || !states[number].name)
		return "?";
	return states[number].name;
}

bool exec_state_durable(int number)
{
	return number >= 0 && number < EXEC_STATES && states[number].durable;
}

int exec_state_find(const char *name)
{
	for (int i = 0; i < EXEC_STATES; i++)
		if (states[i].name && strcasecmp(states[i].name, name) == 0)
			return i;
	return -1;
}
