// Sends the workspace's run events to the function run_status_changed. Deployed by infra/connect_events.py once the app
// runs, into the workspace's resource group. Events are only hints: without them, ends are noticed a minute later.
param workspaceName string
param functionAppId string
param functionAppName string

resource workspace 'Microsoft.MachineLearningServices/workspaces@2025-12-01' existing = {
  name: workspaceName
}

resource runEvents 'Microsoft.EventGrid/eventSubscriptions@2025-02-15' = {
  scope: workspace
  name: '${functionAppName}-run-status'
  properties: {
    destination: {
      endpointType: 'AzureFunction'
      properties: {
        resourceId: '${functionAppId}/functions/run_status_changed'
        maxEventsPerBatch: 1
      }
    }
    filter: {
      includedEventTypes: [
        'Microsoft.MachineLearningServices.RunStatusChanged'
        'Microsoft.MachineLearningServices.RunCompleted'
      ]
    }
    eventDeliverySchema: 'EventGridSchema'
    // A late hint is useless.
    retryPolicy: {
      maxDeliveryAttempts: 5
      eventTimeToLiveInMinutes: 60
    }
  }
}
