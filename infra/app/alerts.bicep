// The alerts. Each log line of the app ends with its fields as JSON, "action" first (triggers/log_lines.py).
// The last such object of a line counts, because a blob's name may contain another.
param token string
param location string
param tags object
param workspaceId string
param functionAppName string

@description('The address that receives the alerts; if empty, they are only shown in the portal.')
param email string

param oldestOpenRunMinutes int

var ours = '''
AppTraces
| where AppRoleName =~ 'APP'
| extend fields = parse_json(extract(@'(?s)^.*(\{"action".*\})$', 1, Message))
'''
var lines = replace(ours, 'APP', functionAppName)

var rules = [
  {
    name: 'runs-need-a-person'
    description: 'A run is dead, rejected, unknown or untracked, or Azure ML has started one twice. docs/operations.md says what to do.'
    severity: 1
    query: '${lines}| where fields.action in ("run_dead", "run_rejected", "run_unknown", "run_untracked", "duplicate_run")'
    operator: 'GreaterThan'
    threshold: 0
    window: 'PT5M'
  }
  {
    name: 'rows-not-readable'
    description: 'A row of the ledger cannot be read by this version of the app: it was edited by hand, or a newer version wrote it. docs/operations.md says what to do.'
    severity: 2
    query: '${lines}| where fields.action == "corrupt_row"'
    operator: 'GreaterThan'
    threshold: 0
    window: 'PT15M'
  }
  {
    name: 'change-overdue'
    description: 'A schedule has received no change for longer than its expected_every, or by its expect_by. docs/operations.md says what to do.'
    severity: 2
    query: '${lines}| where fields.action == "change_overdue"'
    operator: 'GreaterThan'
    threshold: 0
    window: 'PT15M'
  }
  {
    name: 'rename-limit'
    description: 'A renamed directory has more files than the app starts runs for. docs/operations.md says what to do.'
    severity: 2
    query: '${lines}| where fields.action == "rename_limit"'
    operator: 'GreaterThan'
    threshold: 0
    window: 'PT15M'
  }
  {
    name: 'runs-fail'
    description: 'A run failed in Azure ML; its page in the studio shows why.'
    severity: 3
    query: '${lines}| where fields.action == "run_failed"'
    operator: 'GreaterThan'
    threshold: 0
    window: 'PT15M'
  }
  {
    name: 'webhook-given-up'
    description: 'A webhook did not accept the end of a run for a day, or a waiting Azure DevOps task could not be reached for three days; the run is in the ledger.'
    severity: 3
    query: '${lines}| where fields.action in ("webhook_given_up", "callback_given_up")'
    operator: 'GreaterThan'
    threshold: 0
    window: 'PT15M'
  }
  {
    name: 'run-open-too-long'
    description: 'A run that is not held by a pause has not been accepted for more than ${oldestOpenRunMinutes} minutes.'
    severity: 2
    query: '${lines}| where fields.action == "pass" and toint(fields.oldest_open_minutes) > ${oldestOpenRunMinutes}'
    operator: 'GreaterThan'
    threshold: 0
    window: 'PT15M'
  }
  {
    name: 'no-reconcile'
    description: 'No pass of the function reconcile has ended for 10 minutes: retries, batches, sweeps and unknown runs are waiting.'
    severity: 1
    query: '${lines}| where fields.action == "pass"'
    operator: 'LessThan'
    threshold: 1
    window: 'PT10M'
  }
  {
    name: 'missed-by-events'
    description: 'A sweep found files that no event had reported: check the event subscription of the schedule.'
    severity: 3
    query: '${lines}| where fields.action == "found_by_sweep"'
    operator: 'GreaterThan'
    threshold: 0
    window: 'PT15M'
  }
  {
    name: 'functions-fail'
    description: 'Functions of the app fail repeatedly; the storage of the ledger may be unreachable.'
    severity: 2
    query: 'AppRequests\n| where AppRoleName =~ "${functionAppName}" and Success == false'
    operator: 'GreaterThan'
    threshold: 5
    window: 'PT15M'
  }
]

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = if (!empty(email)) {
  name: 'ag-${token}'
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'pipelines'
    emailReceivers: [
      {
        name: 'email'
        emailAddress: email
        useCommonAlertSchema: true
      }
    ]
  }
}

var actionGroupIds = empty(email) ? [] : [people.id]

resource logAlerts 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for rule in rules: {
    name: '${rule.name}-${token}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: '${functionAppName}: ${rule.name}'
      description: rule.description
      severity: rule.severity
      enabled: true
      scopes: [workspaceId]
      evaluationFrequency: 'PT5M'
      windowSize: rule.window
      criteria: {
        allOf: [
          {
            query: rule.query
            timeAggregation: 'Count'
            operator: rule.operator
            threshold: rule.threshold
            failingPeriods: {
              numberOfEvaluationPeriods: 1
              minFailingPeriodsToAlert: 1
            }
          }
        ]
      }
      autoMitigate: true
      // On the first day the tables do not exist yet.
      skipQueryValidation: true
      actions: { actionGroups: actionGroupIds }
    }
  }
]

output actionGroupIds array = actionGroupIds
