/* th.model/1 */
#include "task/model.h"

#include "desc_table.h"
#include "flyte/pbjson.h"
#include "task/exec.h"
#include "task/model_target.h"
#include "task/names.h"

void model_init(struct th_model *m, const TaskTemplate *template)
{
	memset(m, 0, sizeof(*m));
	lit_home_init(&m->home);
	m->template = template;
}

void model_done(struct th_model *m)
{
	lit_home_done(&m->home);
}

struct th_model *task_model_new(const TaskTemplate *template)
{
	struct th_model *m = malloc(sizeof(*m));

	if (m)
		model_init(m, template);
	return m;
}

void task_model_free(struct th_model *m)
{
	if (m)
		model_done(m);
	free(m);
}

/* ---- texts, made when asked for -------------------------------------------------------------- */

static int encode(const ProtobufCMessage *m,
		  const struct message_desc *json_as,
		  struct buf *out,
		  struct error *err)
{
	_cleanup_(buf_done) struct buf wire = BUF_INIT;
	int r;

	if (!json_as)
		return message_encode(m, out, err);
	r = message_encode(m, &wire, err);
	if (r < 0)
		return r;
	/* A dataclass may have NaN as a default; no plugin should fail for it. */
	return pbjson_print_any_number(json_as, (struct str){wire.data, wire.len}, out, err);
}

/* The serialized message, or its JSON when `json_as` says what it is; kept in *slot. Two threads
 * may both make it; one of the results is used. */
static th_status get_text(struct th_model *m,
			  _Atomic(const th_str *) *slot,
			  const ProtobufCMessage *message,
			  const struct message_desc *json_as,
			  th_str *ret)
{
	const th_str *kept = atomic_load_explicit(slot, memory_order_acquire);
	_cleanup_(buf_done) struct buf b = BUF_INIT;
	struct error err = ERROR_INIT;
	th_str *fresh;

	if (!kept) {
		int r = encode(message, json_as, &b, &err);

		if (r < 0 || b.failed)
			return status_of_err(r < 0 ? r : b.failed);
		fresh = lit_home_alloc(&m->home, sizeof(*fresh), 0);
		if (!fresh)
			return TH_E_NOMEM;
		*fresh = lit_home_text(&m->home, (struct str){b.data, b.len});
		if (!fresh->ptr)
			return TH_E_NOMEM;
		kept = fresh;
		atomic_store_explicit(slot, kept, memory_order_release);
	}
	*ret = *kept;
	return TH_OK;
}

static struct th_model *mutable(const th_model *m)
{
	return (struct th_model *)m; /* the kept texts are not part of the model */
}

static th_status model_json(const th_model *m, th_str *ret)
{
	if (!m || !ret)
		return TH_E_INVALID;
	return get_text(mutable(m), &mutable(m)->json, &m->template->base,
			MESSAGE_DESC(flyteidl__core__task_template), ret);
}

static th_status model_raw(const th_model *m, th_bytes *ret)
{
	th_str text;
	th_status st;

	if (!m || !ret)
		return TH_E_INVALID;
	st = get_text(mutable(m), &mutable(m)->raw, &m->template->base, NULL, &text);
	if (st == TH_OK)
		*ret = (th_bytes){(const uint8_t *)text.ptr, text.len};
	return st;
}

/* ---- who it is ------------------------------------------------------------------------------- */

static th_status model_id(const th_model *m, th_identifier *ret)
{
	static const Flyteidl__Core__Identifier none = FLYTEIDL__CORE__IDENTIFIER__INIT;
	const Flyteidl__Core__Identifier *id;

	if (!m || !ret)
		return TH_E_INVALID;
	id = m->template->id ? m->template->id : &none;
	*ret = (th_identifier){
		.resource_type = (uint32_t)id->resource_type,
		.project = th_z(id->project),
		.domain = th_z(id->domain),
		.name = th_z(id->name),
		.version = th_z(id->version),
		.org = th_z(id->org),
	};
	return TH_OK;
}

static th_status model_type(const th_model *m, th_str *ret, int32_t *ret_version)
{
	if (!m)
		return TH_E_INVALID;
	if (ret)
		*ret = th_z(m->template->type);
	if (ret_version)
		*ret_version = m->template->task_type_version;
	return TH_OK;
}

static th_status model_metadata(const th_model *m, th_task_metadata *ret)
{
	static const Flyteidl__Core__TaskMetadata none = FLYTEIDL__CORE__TASK_METADATA__INIT;
	const Flyteidl__Core__TaskMetadata *t;

	if (!m || !ret)
		return TH_E_INVALID;
	t = m->template->metadata ? m->template->metadata : &none;
	*ret = (th_task_metadata){
		.discoverable = t->discoverable != 0,
		.cache_serializable = t->cache_serializable != 0,
		.retries = t->retries ? t->retries->retries : 0,
		.interruptible = t->interruptible_value_case ? t->interruptible != 0 : 2,
		.generates_deck = t->generates_deck ? t->generates_deck->value != 0 : 2,
		.discovery_version = th_z(t->discovery_version),
		.deprecated_error_message = th_z(t->deprecated_error_message),
		.pod_template_name = th_z(t->pod_template_name),
		.runtime_version = th_z(t->runtime ? t->runtime->version : ""),
		.runtime_flavor = th_z(t->runtime ? t->runtime->flavor : ""),
	};
	if (t->timeout)
		ret->timeout = (th_duration){t->timeout->seconds, t->timeout->nanos, 0};
	return TH_OK;
}

static th_status model_tag_at(const th_model *m, uint32_t i, th_str *ret_key, th_str *ret_value)
{
	const Flyteidl__Core__TaskMetadata *t = m ? m->template->metadata : NULL;

	if (!m || !ret_key || !ret_value)
		return TH_E_INVALID;
	if (!t || i >= t->n_tags)
		return TH_E_NOT_FOUND;
	*ret_key = th_z(t->tags[i]->key);
	*ret_value = th_z(t->tags[i]->value);
	return TH_OK;
}

/* ---- interface ------------------------------------------------------------------------------- */

static const VariableMap *variables_of(const th_model *m, uint32_t direction)
{
	const TypedInterface *i = m ? m->template->interface : NULL;

	if (!i || direction > TH_OUTPUTS)
		return NULL;
	return direction == TH_INPUTS ? i->inputs : i->outputs;
}

static uint32_t kind_of_simple(const LiteralType *t)
{
	static const uint32_t kinds[] = {
		[SIMPLE_(NONE)] = TH_KIND_NONE,         [SIMPLE_(INTEGER)] = TH_KIND_INTEGER,
		[SIMPLE_(FLOAT)] = TH_KIND_FLOAT,       [SIMPLE_(STRING)] = TH_KIND_STRING,
		[SIMPLE_(BOOLEAN)] = TH_KIND_BOOLEAN,   [SIMPLE_(DATETIME)] = TH_KIND_DATETIME,
		[SIMPLE_(DURATION)] = TH_KIND_DURATION, [SIMPLE_(BINARY)] = TH_KIND_BINARY,
		[SIMPLE_(ERROR)] = TH_KIND_ERROR,       [SIMPLE_(STRUCT)] = TH_KIND_BINARY,
	};

	if ((unsigned)t->simple >= ARRAY_LEN(kinds))
		return TH_KIND_UNSET;
	/* Protobuf messages travel as Struct, everything else as msgpack. */
	for (size_t i = 0; t->simple == SIMPLE_(STRUCT) && t->metadata && i < t->metadata->n_fields;
	     i++)
		if (streq(t->metadata->fields[i]->key, "pb_type"))
			return TH_KIND_GENERIC;
	return kinds[t->simple];
}

static uint32_t kind_of_type(const LiteralType *t)
{
	switch (t ? t->type_case : LTYPE_(_NOT_SET)) {
	case LTYPE_(SIMPLE):
		return kind_of_simple(t);
	case LTYPE_(SCHEMA):
		return TH_KIND_SCHEMA;
	case LTYPE_(COLLECTION_TYPE):
		return TH_KIND_COLLECTION;
	case LTYPE_(MAP_VALUE_TYPE):
		return TH_KIND_MAP;
	case LTYPE_(BLOB):
		return TH_KIND_BLOB;
	case LTYPE_(ENUM_TYPE):
		return TH_KIND_STRING;
	case LTYPE_(STRUCTURED_DATASET_TYPE):
		return TH_KIND_STRUCTURED_DATASET;
	case LTYPE_(UNION_TYPE):
		return TH_KIND_UNION;
	default:
		return TH_KIND_UNSET;
	}
}

static struct variable_texts *texts_of(struct th_model *m, uint32_t direction)
{
	size_t n = variables_len(variables_of(m, direction));
	struct variable_texts *texts = atomic_load(&m->variables[direction]), *none = NULL;

	if (texts)
		return texts;
	texts = lit_home_alloc(&m->home, n * sizeof(*texts), 0);
	if (!texts)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		atomic_init(&texts[i].json, NULL);
		atomic_init(&texts[i].raw, NULL);
	}
	return atomic_compare_exchange_strong(&m->variables[direction], &none, texts) ? texts
										      : none;
}

static th_status type_texts(
	struct th_model *m, uint32_t direction, uint32_t i, const LiteralType *type, th_variable *v)
{
	struct variable_texts *texts = texts_of(m, direction);
	th_str raw = th_z("");
	th_status st;

	v->type_json = th_z("null");
	v->type_raw = (th_bytes){(const uint8_t *)"", 0};
	if (!type)
		return TH_OK;
	if (!texts)
		return TH_E_NOMEM;
	st = get_text(m, &texts[i].json, &type->base, MESSAGE_DESC(flyteidl__core__literal_type),
		      &v->type_json);
	if (st == TH_OK)
		st = get_text(m, &texts[i].raw, &type->base, NULL, &raw);
	v->type_raw = (th_bytes){(const uint8_t *)raw.ptr, raw.len};
	return st;
}

static uint32_t model_variable_count(const th_model *m, uint32_t direction)
{
	return (uint32_t)variables_len(variables_of(m, direction));
}

static th_status
model_variable_at(const th_model *m, uint32_t direction, uint32_t i, th_variable *ret)
{
	const VariableMap *vars = variables_of(m, direction);
	const Variable *v;
	th_variable made;
	th_status st;

	if (!m || !ret || direction > TH_OUTPUTS)
		return TH_E_INVALID;
	if (i >= variables_len(vars))
		return TH_E_NOT_FOUND;
	v = vars->variables[i]->value;
	made = (th_variable){
		.name = th_z(vars->variables[i]->key),
		.description = th_z(v ? v->description : ""),
		.kind = kind_of_type(v ? v->type : NULL),
	};
	st = type_texts(mutable(m), direction, i, v ? v->type : NULL, &made);
	if (st == TH_OK)
		*ret = made;
	return st;
}

static th_status
model_variable(const th_model *m, uint32_t direction, th_str name, th_variable *ret)
{
	const VariableMap *vars = variables_of(m, direction);

	if (!m || !ret || direction > TH_OUTPUTS)
		return TH_E_INVALID;
	for (size_t i = 0; i < variables_len(vars); i++)
		if (str_is(str_of_th(name), vars->variables[i]->key))
			return model_variable_at(m, direction, (uint32_t)i, ret);
	return TH_E_NOT_FOUND;
}

/* ---- custom and config ----------------------------------------------------------------------- */

static const th_lit *model_custom(const th_model *m)
{
	const struct th_lit *kept;
	struct th_lit *fresh;

	if (!m || !m->template->custom)
		return NULL;
	kept = atomic_load_explicit(&m->custom, memory_order_acquire);
	if (kept)
		return kept;
	pthread_mutex_lock(&mutable(m)->home.lock);
	kept = atomic_load(&m->custom);
	if (!kept) {
		struct arena *arena = &mutable(m)->home.arena;

		fresh = arena_alloc(arena, sizeof(*fresh));
		if (fresh) {
			lit_init(fresh, &mutable(m)->home,
				 value_of_struct(m->template->custom, arena));
			if (fresh->value.source != VALUE_OF_NOTHING)
				kept = fresh;
		}
		atomic_store_explicit(&mutable(m)->custom, kept, memory_order_release);
	}
	pthread_mutex_unlock(&mutable(m)->home.lock);
	return kept;
}

static th_status model_config_at(const th_model *m, uint32_t i, th_str *ret_key, th_str *ret_value)
{
	if (!m || !ret_key || !ret_value)
		return TH_E_INVALID;
	if (i >= m->template->n_config)
		return TH_E_NOT_FOUND;
	*ret_key = th_z(m->template->config[i]->key);
	*ret_value = th_z(m->template->config[i]->value);
	return TH_OK;
}

static th_status model_config(const th_model *m, th_str key, th_str *ret)
{
	if (!m || !ret)
		return TH_E_INVALID;
	for (size_t i = 0; i < m->template->n_config; i++) {
		if (!str_is(str_of_th(key), m->template->config[i]->key))
			continue;
		*ret = th_z(m->template->config[i]->value);
		return TH_OK;
	}
	return TH_E_NOT_FOUND;
}

static th_status model_k8s_pod_json(const th_model *m, th_str *ret)
{
	if (!m || !ret)
		return TH_E_INVALID;
	if (m->template->target_case != FLYTEIDL__CORE__TASK_TEMPLATE__TARGET_K8S_POD ||
	    !m->template->k8s_pod)
		return TH_E_NOT_FOUND;
	return get_text(mutable(m), &mutable(m)->pod_json, &m->template->k8s_pod->base,
			MESSAGE_DESC(flyteidl__core__k8s_pod), ret);
}

const th_model_api task_model_api = {
	.struct_size = sizeof(th_model_api),
	.id = model_id,
	.type = model_type,
	.metadata = model_metadata,
	.tag_at = model_tag_at,
	.variable_count = model_variable_count,
	.variable_at = model_variable_at,
	.variable = model_variable,
	.custom = model_custom,
	.config = model_config,
	.config_at = model_config_at,
	.container = target_container,
	.container_command = target_command,
	.container_arg = target_arg,
	.container_env = target_env,
	.resource = target_resource,
	.sql = target_sql,
	.k8s_pod_json = model_k8s_pod_json,
	.secret_at = target_secret_at,
	.raw = model_raw,
	.json = model_json,
};
