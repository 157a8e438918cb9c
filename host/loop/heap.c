#include "loop/heap.h"

static bool before(const struct heap_node *a, const struct heap_node *b)
{
	return a->key < b->key || (a->key == b->key && a->order < b->order);
}

/* The later root becomes the leftmost child of the earlier one. Both are roots without siblings. */
static struct heap_node *meld(struct heap_node *a, struct heap_node *b)
{
	struct heap_node *top, *under;

	if (!a || !b)
		return a ? a : b;
	top = before(a, b) ? a : b;
	under = top == a ? b : a;
	under->prev = top;
	under->next = top->child;
	if (under->next)
		under->next->prev = under;
	top->child = under;
	return top;
}

/* The two passes: meld neighbours from left to right into a stack, then the stack into one. */
static struct heap_node *meld_siblings(struct heap_node *first)
{
	struct heap_node *stack = NULL, *all = NULL;

	while (first) {
		struct heap_node *a = first, *b = a->next, *both;

		first = b ? b->next : NULL;
		a->next = a->prev = NULL;
		if (b)
			b->next = b->prev = NULL;
		both = meld(a, b);
		both->next = stack;
		stack = both;
	}
	while (stack) {
		struct heap_node *n = stack;

		stack = n->next;
		n->next = NULL;
		all = meld(all, n);
	}
	return all;
}

void heap_insert(struct heap *h, struct heap_node *n, int64_t key)
{
	*n = (struct heap_node){.key = key, .order = ++h->order};
	h->root = meld(h->root, n);
}

void heap_remove(struct heap *h, struct heap_node *n)
{
	struct heap_node *below = meld_siblings(n->child);

	if (n == h->root) {
		h->root = below;
	} else {
		if (n->prev->child == n)
			n->prev->child = n->next;
		else
			n->prev->next = n->next;
		if (n->next)
			n->next->prev = n->prev;
		h->root = meld(h->root, below);
	}
	*n = (struct heap_node){.order = 0};
}
