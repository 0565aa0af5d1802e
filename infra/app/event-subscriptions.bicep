// One subscription for each change-based schedule of a topic, and one for the renames in its account. Deployed by
// infra/connect_events.py once the app runs.
import { renamesType, subscriptionType } from 'types.bicep'

param topicName string
param functionAppId string
param functionAppName string
param functionAppHost string
param deadLetterAccountId string
param deadLetterContainer string
param subscriptions subscriptionType[]
param renames renamesType[]

@secure()
@description('The system key blobs_extension of the app.')
param blobsExtensionKey string

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = {
  name: topicName
}

resource eventSubscriptions 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = [
  for one in subscriptions: {
    parent: topic
    name: '${functionAppName}-${one.name}'
    properties: {
      destination: {
        endpointType: 'WebHook'
        properties: {
          endpointUrl: 'https://${functionAppHost}/runtime/webhooks/blobs?functionName=Host.Functions.${one.schedule}&code=${uriComponent(blobsExtensionKey)}'
          // One bad event would make its whole batch fail.
          maxEventsPerBatch: 1
        }
      }
      filter: {
        includedEventTypes: ['Microsoft.Storage.BlobCreated']
        subjectBeginsWith: one.subjectBeginsWith
        subjectEndsWith: one.subjectEndsWith
        isSubjectCaseSensitive: true
        enableAdvancedFilteringOnArrays: true
        advancedFilters: concat(
          [
            {
              // With a hierarchical namespace, a file is created empty; only the flush means that it is complete.
              operatorType: 'StringIn'
              key: 'data.api'
              values: ['PutBlob', 'PutBlockList', 'CopyBlob', 'FlushWithClose', 'SftpCommit']
            }
          ],
          empty(one.subjectsNotBeginningWith)
            ? []
            : [{ operatorType: 'StringNotBeginsWith', key: 'subject', values: one.subjectsNotBeginningWith }]
        )
      }
      eventDeliverySchema: 'EventGridSchema'
      retryPolicy: {
        maxDeliveryAttempts: 30
        eventTimeToLiveInMinutes: 1440
      }
      deadLetterWithResourceIdentity: {
        identity: { type: 'SystemAssigned' }
        deadLetterDestination: {
          endpointType: 'StorageBlob'
          properties: {
            resourceId: deadLetterAccountId
            blobContainerName: deadLetterContainer
          }
        }
      }
    }
  }
]

// Spark, Databricks and AzCopy write elsewhere, then rename. Neither blob triggers nor sweeps notice a rename.
resource renameSubscriptions 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = [
  for one in renames: {
    parent: topic
    name: '${functionAppName}-storage-renamed'
    properties: {
      destination: {
        endpointType: 'AzureFunction'
        properties: {
          resourceId: '${functionAppId}/functions/storage_renamed'
          maxEventsPerBatch: 1
        }
      }
      filter: {
        includedEventTypes: ['Microsoft.Storage.BlobRenamed', 'Microsoft.Storage.DirectoryRenamed']
        enableAdvancedFilteringOnArrays: true
        advancedFilters: empty(one.subjectsBeginningWith)
          ? []
          : [{ operatorType: 'StringBeginsWith', key: 'subject', values: one.subjectsBeginningWith }]
      }
      eventDeliverySchema: 'EventGridSchema'
      retryPolicy: {
        maxDeliveryAttempts: 30
        eventTimeToLiveInMinutes: 1440
      }
      deadLetterWithResourceIdentity: {
        identity: { type: 'SystemAssigned' }
        deadLetterDestination: {
          endpointType: 'StorageBlob'
          properties: {
            resourceId: deadLetterAccountId
            blobContainerName: deadLetterContainer
          }
        }
      }
    }
  }
]
