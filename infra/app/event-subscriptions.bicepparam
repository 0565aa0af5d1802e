using 'event-subscriptions.bicep'

// The key is passed in the environment of the deploying process, so that it is on no command line and in no file.
param blobsExtensionKey = readEnvironmentVariable('BLOBS_EXTENSION_KEY')
param functionAppName = readEnvironmentVariable('FUNCTION_APP_NAME')
param functionAppHost = readEnvironmentVariable('FUNCTION_APP_HOST')
param deadLetterAccountId = readEnvironmentVariable('DEAD_LETTER_ACCOUNT_ID')
param deadLetterContainer = readEnvironmentVariable('DEAD_LETTER_CONTAINER')
param topicName = readEnvironmentVariable('TOPIC_NAME')

var connection = readEnvironmentVariable('TOPIC_CONNECTION')
param functionAppId = '/subscriptions/${readEnvironmentVariable('AZURE_SUBSCRIPTION_ID')}/resourceGroups/${readEnvironmentVariable('AZURE_RESOURCE_GROUP')}/providers/Microsoft.Web/sites/${readEnvironmentVariable('FUNCTION_APP_NAME')}'
param renames = filter(loadJsonContent('../schedules.json').renames, one => one.connection == connection)
param subscriptions = filter(loadJsonContent('../schedules.json').subscriptions, one => one.connection == connection)
