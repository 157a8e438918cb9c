/* Where results go. */
#pragma once

#include "task/deck.h"
#include "task/task.h"

/* Renders deck.html and writes it under the output prefix. */
int store_deck(const struct task_context *ctx, const struct deck_page *page, struct error *err);
