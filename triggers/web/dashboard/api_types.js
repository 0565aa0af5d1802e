// What the HTTP API takes and answers. Generated from the app's own types by local/api_types.py: do not edit.

/**
 * A waiting task, in the terms of Azure DevOps' agentless tasks.
 * @typedef {object} AzureDevOps
 * @property {string} plan_url
 * @property {string} project_id
 * @property {string} hub_name
 * @property {string} plan_id
 * @property {string} job_id
 * @property {string} timeline_id
 * @property {string} task_instance_id
 * @property {string} auth_token
 */

/**
 * What a backfill starts or would start, and what needs no new run. Each list holds at most 1,000 items.
 * @typedef {object} BackfillAnswer
 * @property {boolean} dry_run
 * @property {ItemAnswer[]} started
 * @property {ItemAnswer[]} already
 * @property {number} started_count
 * @property {number} already_count
 * @property {boolean} complete
 * @property {string | null} continue_from
 */

/**
 * The body of a backfill: [from, to) of nominal or modification times.
 * @typedef {object} BackfillBody
 * @property {string} from
 * @property {string} to
 * @property {boolean} [dry_run]
 * @property {boolean} [force]
 * @property {string | null} [note]
 * @property {string | null} [by]
 */

/**
 * Many changes in one run.
 * @typedef {object} BatchAnswer
 * @property {string} group
 * @property {number} count
 * @property {string | null} manifest
 * @property {string[]} missing
 */

/**
 * One version of a blob.
 * @typedef {object} BlobAnswer
 * @property {string} container
 * @property {string} path
 * @property {string} etag
 * @property {number} size
 * @property {string} last_modified
 */

/**
 * Who to notify when the run ends.
 * @typedef {object} CallbackBody
 * @property {AzureDevOps} azure_devops
 */

/**
 * A data path, as in the file.
 * @typedef {object} DatapathBody
 * @property {string} datastore
 * @property {string} path
 */

/**
 * A dataset, as in the file: exactly one of id and name.
 * @typedef {object} DatasetBody
 * @property {string | null} [id]
 * @property {string | null} [name]
 * @property {string | number | null} [version]
 */

/**
 * One line of a run's history; a line without time and state gives the number of lines left out.
 * @typedef {object} EventAnswer
 * @property {string | null} at
 * @property {RunState | null} state
 * @property {string | null} reason
 */

/**
 * Why something did or did not start.
 * @typedef {object} ExplainAnswer
 * @property {string} schedule
 * @property {string} sentence
 * @property {string[]} decisions
 * @property {RunAnswer | null} run
 * @property {VersionAnswer[]} versions
 */

/**
 * One error in the file or the settings.
 * @typedef {object} FaultAnswer
 * @property {string} file
 * @property {string} path
 * @property {string} value
 * @property {string} message
 */

/**
 * The app's health.
 * @typedef {object} HealthAnswer
 * @property {string} status
 * @property {string} version
 * @property {FaultAnswer[]} faults
 * @property {string[]} warnings
 * @property {string} ledger
 * @property {string | null} oldest_open
 * @property {string | null} last_reconcile
 * @property {Record<string, number>} counts
 * @property {Record<string, number>} missed_by_events
 * @property {Record<string, string | null>} [overdue]
 */

/**
 * The body of pause, resume and cancel.
 * @typedef {object} HeldBody
 * @property {string | null} [note]
 * @property {string | null} [by]
 */

/**
 * One occurrence of a backfill.
 * @typedef {object} ItemAnswer
 * @property {string} key
 * @property {string} what
 * @property {string} why
 */

/**
 * A future occurrence.
 * @typedef {object} NextAnswer
 * @property {string} nominal_time
 * @property {string} local_time
 * @property {string | null} clock_change
 * @property {string | null} expression
 * @property {string | null} moved_from
 */

/**
 * The body of a replay.
 * @typedef {object} ReplayBody
 * @property {string | null} [note]
 * @property {string | null} [by]
 * @property {boolean} [force]
 * @property {boolean} [unless_replayed]
 */

/**
 * The request that was sent to start a run, or will be; app settings are not filled in.
 * @typedef {object} RequestAnswer
 * @property {string} experiment_name
 * @property {string | null} description
 * @property {Record<string, string>} tags
 * @property {Record<string, string>} pipeline_parameters
 * @property {Record<string, Record<string, string>>} datapaths
 * @property {Record<string, Record<string, string>>} datasets
 * @property {string | null} parent_run_id
 */

/**
 * A run's place among the attempts that the app makes by itself.
 * @typedef {object} RerunsAnswer
 * @property {number} number
 * @property {string} of
 * @property {number} attempts
 * @property {string | null} next_at
 */

/**
 * One occurrence and what became of it; absent values are null.
 * @typedef {object} RunAnswer
 * @property {string} key
 * @property {string} schedule
 * @property {string} kind
 * @property {RunState} state
 * @property {string | null} reason
 * @property {string | null} nominal_time
 * @property {string | null} moved_from
 * @property {string | null} due_at
 * @property {BlobAnswer | null} blob
 * @property {BatchAnswer | null} batch
 * @property {string} pipeline
 * @property {string | null} run_id
 * @property {string | null} studio_url
 * @property {string | null} azureml_status
 * @property {number} attempts
 * @property {string | null} next_attempt_at
 * @property {string} created_at
 * @property {string | null} submitted_at
 * @property {string | null} ended_at
 * @property {string | null} replay_of
 * @property {UpstreamAnswer | null} upstream
 * @property {RerunsAnswer | null} reruns
 * @property {string | null} request_id
 * @property {string | null} requested_by
 * @property {string | null} note
 * @property {string | null} error
 * @property {EventAnswer[]} history
 * @property {string[]} [downstream]
 * @property {RequestAnswer | null} [request]
 */

/**
 * The states of runs, in the words of rows, answers and the dashboard.
 * @typedef {"canceled" | "dead" | "failed" | "finished" | "rejected" | "skipped" | "submitted" | "submitting" | "unknown" | "unreadable" | "unsent" | "untracked" | "waiting"} RunState
 */

/**
 * A page of runs, newest first. It may be empty without being the last.
 * @typedef {object} RunsAnswer
 * @property {RunAnswer[]} runs
 * @property {string | null} continuation
 */

/**
 * Which runs to return, by the time when their rows were created.
 * @typedef {object} RunsQuery
 * @property {string | null} [schedule]
 * @property {RunState | null} [state]
 * @property {string | null} [since]
 * @property {string | null} [until]
 * @property {number} [limit]
 * @property {string | null} [continuation]
 */

/**
 * A schedule of the file, with its next occurrences and newest runs.
 * @typedef {object} ScheduleAnswer
 * @property {string} name
 * @property {string} kind
 * @property {import("./trigger_words.js").Trigger} trigger
 * @property {string} pipeline
 * @property {string} status
 * @property {boolean} paused
 * @property {string | null} pause_note
 * @property {NextAnswer[]} next
 * @property {RunAnswer[]} last_runs
 * @property {string | null} [description]
 * @property {Record<string, string>} [pipeline_parameters]
 * @property {Record<string, string | null>} [pipeline_parameters_now]
 * @property {Record<string, string>} [rules]
 * @property {string} [trigger_overrides]
 */

/**
 * All schedules of the file.
 * @typedef {object} SchedulesAnswer
 * @property {ScheduleAnswer[]} schedules
 */

/**
 * The body of a trigger; `request_id` makes it safe to repeat.
 * @typedef {object} TriggerBody
 * @property {string | null} [request_id]
 * @property {Record<string, string | number | boolean>} [pipeline_parameters]
 * @property {string | null} [experiment_name]
 * @property {string | null} [description]
 * @property {Record<string, string>} [tags]
 * @property {Record<string, DatapathBody>} [datapaths]
 * @property {Record<string, DatasetBody>} [datasets]
 * @property {string | null} [parent_run_id]
 * @property {boolean | null} [continue_on_step_failure]
 * @property {string | null} [blob]
 * @property {string | null} [upstream]
 * @property {string | null} [scheduled_time]
 * @property {string | null} [note]
 * @property {string | null} [by]
 * @property {CallbackBody | null} [callback]
 */

/**
 * The run after which a chained one starts.
 * @typedef {object} UpstreamAnswer
 * @property {string} key
 * @property {string} schedule
 * @property {string | null} run_id
 */

/**
 * A version of a file, and what happened to it.
 * @typedef {object} VersionAnswer
 * @property {string} etag
 * @property {string} last_modified
 * @property {string | null} state
 * @property {string | null} reason
 * @property {string | null} key
 */
