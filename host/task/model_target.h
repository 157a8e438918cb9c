/* Part of th.model/1: container, resources, SQL, secrets. */
#pragma once

#include "task/model.h"

th_status target_container(const th_model *m, th_container *ret);
th_status target_command(const th_model *m, uint32_t i, th_str *ret);
th_status target_arg(const th_model *m, uint32_t i, th_str *ret);
th_status target_env(const th_model *m, uint32_t i, th_str *ret_key, th_str *ret_value);
th_status target_resource(const th_model *m, uint32_t limits, th_str name, th_str *ret);
th_status target_sql(const th_model *m, th_str *ret_statement, uint32_t *ret_dialect);
th_status target_secret_at(const th_model *m, uint32_t i, th_secret_ref *ret);
