/* A doubly linked ring of nodes inside the things it links. A node that is zeroed or was removed is
 * in no list. */
#pragma once

#include "base/mem.h"

#include <stdbool.h>

struct list {
	struct list *next, *prev;
};

static inline void list_init(struct list *head)
{
	head->next = head->prev = head;
}

static inline bool list_empty(const struct list *head)
{
	return head->next == head;
}

static inline bool list_linked(const struct list *node)
{
	return node->next != NULL;
}

static inline void list_append(struct list *head, struct list *node)
{
	node->prev = head->prev;
	node->next = head;
	head->prev->next = node;
	head->prev = node;
}

/* Does nothing to a node that is in no list. */
static inline void list_remove(struct list *node)
{
	if (!node->next)
		return;
	node->prev->next = node->next;
	node->next->prev = node->prev;
	node->next = node->prev = NULL;
}

/* The first node's owner, or NULL. */
#define list_first(head, type, member)                                                             \
	(list_empty(head) ? NULL : CONTAINER_OF((head)->next, type, member))

#define list_foreach(head, node)                                                                   \
	for (struct list *node = (head)->next; node != (head); node = node->next)
