// Permission to submit runs to the workspace and to look them up.
param workspaceName string

@allowed(['AzureML Data Scientist', 'custom'])
param role string

param principalId string

var dataScientist = 'f6c7c914-8db3-469d-8ca1-694a8f32e121' // AzureML Data Scientist
var custom = role == 'custom'

resource workspace 'Microsoft.MachineLearningServices/workspaces@2025-12-01' existing = {
  name: workspaceName
}

// What a submission of SDK v1 needs: https://learn.microsoft.com/azure/machine-learning/how-to-assign-roles
resource submitter 'Microsoft.Authorization/roleDefinitions@2022-04-01' = if (custom) {
  name: guid(workspace.id, 'pipeline-triggers')
  properties: {
    roleName: 'Azure ML pipeline triggers (${workspaceName}, ${uniqueString(workspace.id)})'
    description: 'Submits published pipelines and reads their runs.'
    assignableScopes: [resourceGroup().id]
    permissions: [
      {
        actions: [
          'Microsoft.MachineLearningServices/workspaces/*/read'
          'Microsoft.MachineLearningServices/workspaces/read'
          'Microsoft.MachineLearningServices/workspaces/environments/build/action'
          'Microsoft.MachineLearningServices/workspaces/environments/readSecrets/action'
          'Microsoft.MachineLearningServices/workspaces/environments/write'
          'Microsoft.MachineLearningServices/workspaces/experiments/runs/submit/action'
          'Microsoft.MachineLearningServices/workspaces/experiments/runs/write'
          'Microsoft.MachineLearningServices/workspaces/metadata/artifacts/write'
          'Microsoft.MachineLearningServices/workspaces/metadata/snapshots/write'
        ]
      }
    ]
  }
}

resource assignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: workspace
  name: guid(workspace.id, principalId, role)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: custom
      ? submitter.id
      : subscriptionResourceId('Microsoft.Authorization/roleDefinitions', dataScientist)
  }
}
