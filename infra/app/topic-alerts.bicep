// Alerts on undelivered events, as counted by Event Grid, for our subscriptions on one topic.
param prefix string
param tags object
param topicId string

@description('Names of our event subscriptions; a shared topic has others too.')
param subscriptions string[]

param actionGroupIds string[]

// https://learn.microsoft.com/azure/azure-monitor/reference/supported-metrics/microsoft-eventgrid-systemtopics-metrics
var metrics = {
  DeliveryAttemptFailCount: { severity: 2, threshold: 5, description: 'Event Grid cannot deliver events to the app; it retries for a day.' }
  DeadLetteredCount: { severity: 1, threshold: 0, description: 'Event Grid gave up on events; they are in the container dead-letters, and the sweep finds the files.' }
  DroppedEventCount: { severity: 1, threshold: 0, description: 'Events were dropped; the sweep finds the files.' }
}

resource metricAlerts 'Microsoft.Insights/metricAlerts@2018-03-01' = [
  for metric in items(metrics): {
    name: '${prefix}-${metric.key}'
    location: 'global'
    tags: tags
    properties: {
      description: metric.value.description
      severity: metric.value.severity
      enabled: true
      scopes: [topicId]
      evaluationFrequency: 'PT5M'
      windowSize: 'PT15M'
      autoMitigate: true
      criteria: {
        'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
        allOf: [
          {
            criterionType: 'StaticThresholdCriterion'
            name: metric.key
            metricNamespace: 'Microsoft.EventGrid/systemTopics'
            metricName: metric.key
            dimensions: [
              {
                name: 'EventSubscriptionName'
                operator: 'Include'
                values: subscriptions
              }
            ]
            operator: 'GreaterThan'
            threshold: metric.value.threshold
            timeAggregation: 'Total'
            // Azure Monitor does not know the metric before a subscription's first event.
            skipMetricValidation: true
          }
        ]
      }
      actions: [for id in actionGroupIds: { actionGroupId: id }]
    }
  }
]
