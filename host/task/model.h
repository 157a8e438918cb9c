/* What th_model stands for: a TaskTemplate, and the texts of its parts that were asked for. */
#pragma once

#include "flyte/document.h"
#include "task/lit.h"

struct variable_texts {
	_Atomic(const th_str *) json, raw;
};

struct th_model {
	struct lit_home home;
	const TaskTemplate *template;
	_Atomic(const th_str *) json, raw, pod_json;
	_Atomic(struct variable_texts *) variables[2]; /* by TH_INPUTS, TH_OUTPUTS */
	_Atomic(const struct th_lit *) custom;
};

/* `template` has to outlive the model. */
void model_init(struct th_model *m, const TaskTemplate *template);
void model_done(struct th_model *m);

extern const th_model_api task_model_api;
