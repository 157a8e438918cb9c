/* A note has a task that no resolver lists and no executor runs. */
#include "raw.h"

TH_NOTE_RECORD(
	raw_note_task,
	TH_NOTE_TASK,
	"{\"task\":\"ghost\",\"index\":2,\"about\":\"\",\"options\":[{}],\"variables\":[{}]}");
