/* The tables of the smaller extensions. */
#pragma once

#include "task/exec.h"

extern const th_context_api task_context_api;
extern const th_secrets_api task_secrets_api;
extern const th_log_api task_log_api;
extern const th_deck_api task_deck_api;
extern const th_checkpoint_api task_checkpoint_api;
extern const th_progress_api task_progress_api;
extern const th_cancel_api task_cancel_api;
extern const th_deadline_api task_deadline_api;
