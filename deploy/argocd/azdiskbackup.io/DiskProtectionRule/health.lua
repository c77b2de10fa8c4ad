-- Health of a DiskProtectionRule by its conditions, which follow kstatus: Stalled first, then Ready.
local status = obj.status
if status == nil or status.conditions == nil then
  return {status = "Progressing", message = "Waiting for azdiskbackup to look at it"}
end
if status.observedGeneration ~= nil and status.observedGeneration ~= obj.metadata.generation then
  return {status = "Progressing", message = "Waiting for azdiskbackup to look at the newest spec"}
end
local found = {}
for _, condition in ipairs(status.conditions) do
  found[condition.type] = condition
end
if found.Stalled ~= nil and found.Stalled.status == "True" then
  return {status = "Degraded", message = found.Stalled.message}
end
local summary = found.Ready
if summary == nil then
  return {status = "Progressing", message = "Waiting for azdiskbackup to look at it"}
end
if summary.status == "True" then
  return {status = "Healthy", message = summary.message}
end
return {status = "Progressing", message = summary.message}
