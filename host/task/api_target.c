/* th.model/1: what the template says about where and how to run. */
#include "task/model_target.h"

#include "task/names.h"

static const Flyteidl__Core__Container *container_of(const th_model *m)
{
	if (m->template->target_case != FLYTEIDL__CORE__TASK_TEMPLATE__TARGET_CONTAINER)
		return NULL;
	return m->template->container;
}

th_status target_container(const th_model *m, th_container *ret)
{
	const Flyteidl__Core__Container *c;

	if (!m || !ret)
		return TH_E_INVALID;
	c = container_of(m);
	if (!c)
		return TH_E_NOT_FOUND;
	*ret = (th_container){
		.image = th_z(c->image),
		.n_command = (uint32_t)c->n_command,
		.n_args = (uint32_t)c->n_args,
		.n_env = (uint32_t)c->n_env,
		.n_resources =
			c->resources ? (uint32_t)(c->resources->n_requests + c->resources->n_limits)
				     : 0,
	};
	return TH_OK;
}

static th_status text_at(char *const *texts, size_t n, uint32_t i, th_str *ret)
{
	if (i >= n)
		return TH_E_NOT_FOUND;
	*ret = th_z(texts[i]);
	return TH_OK;
}

th_status target_command(const th_model *m, uint32_t i, th_str *ret)
{
	const Flyteidl__Core__Container *c;

	if (!m || !ret)
		return TH_E_INVALID;
	c = container_of(m);
	return c ? text_at(c->command, c->n_command, i, ret) : TH_E_NOT_FOUND;
}

th_status target_arg(const th_model *m, uint32_t i, th_str *ret)
{
	const Flyteidl__Core__Container *c;

	if (!m || !ret)
		return TH_E_INVALID;
	c = container_of(m);
	return c ? text_at(c->args, c->n_args, i, ret) : TH_E_NOT_FOUND;
}

th_status target_env(const th_model *m, uint32_t i, th_str *ret_key, th_str *ret_value)
{
	const Flyteidl__Core__Container *c;

	if (!m || !ret_key || !ret_value)
		return TH_E_INVALID;
	c = container_of(m);
	if (!c || i >= c->n_env)
		return TH_E_NOT_FOUND;
	*ret_key = th_z(c->env[i]->key);
	*ret_value = th_z(c->env[i]->value);
	return TH_OK;
}

static const char *resource_name(Flyteidl__Core__Resources__ResourceName name)
{
	static const char *const names[] = {"unknown", "cpu",     "gpu",
					    "memory",  "storage", "ephemeral_storage"};

	return (unsigned)name < ARRAY_LEN(names) ? names[name] : "unknown";
}

th_status target_resource(const th_model *m, uint32_t limits, th_str name, th_str *ret)
{
	const Flyteidl__Core__Container *c;
	Flyteidl__Core__Resources__ResourceEntry *const *entries;
	size_t n;

	if (!m || !ret)
		return TH_E_INVALID;
	c = container_of(m);
	if (!c || !c->resources)
		return TH_E_NOT_FOUND;
	entries = limits ? c->resources->limits : c->resources->requests;
	n = limits ? c->resources->n_limits : c->resources->n_requests;
	for (size_t i = 0; i < n; i++) {
		if (!str_is(str_of_th(name), resource_name(entries[i]->name)))
			continue;
		*ret = th_z(entries[i]->value);
		return TH_OK;
	}
	return TH_E_NOT_FOUND;
}

th_status target_sql(const th_model *m, th_str *ret_statement, uint32_t *ret_dialect)
{
	const Flyteidl__Core__Sql *sql;

	if (!m || !ret_statement)
		return TH_E_INVALID;
	if (m->template->target_case != FLYTEIDL__CORE__TASK_TEMPLATE__TARGET_SQL ||
	    !m->template->sql)
		return TH_E_NOT_FOUND;
	sql = m->template->sql;
	*ret_statement = th_z(sql->statement);
	if (ret_dialect)
		*ret_dialect = (uint32_t)sql->dialect;
	return TH_OK;
}

th_status target_secret_at(const th_model *m, uint32_t i, th_secret_ref *ret)
{
	const Flyteidl__Core__SecurityContext *s;

	if (!m || !ret)
		return TH_E_INVALID;
	s = m->template->security_context;
	if (!s || i >= s->n_secrets)
		return TH_E_NOT_FOUND;
	*ret = (th_secret_ref){
		.group = th_z(s->secrets[i]->group),
		.group_version = th_z(s->secrets[i]->group_version),
		.key = th_z(s->secrets[i]->key),
		.env_var = th_z(s->secrets[i]->env_var),
		.mount_requirement = (uint32_t)s->secrets[i]->mount_requirement,
	};
	return TH_OK;
}
