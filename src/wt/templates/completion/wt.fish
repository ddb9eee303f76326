# Completion of wt for fish. In ~/.config/fish/config.fish: wt completion fish | source
function __wt_complete
    command wt-sandbox __complete -- (commandline -cp) 2>/dev/null
end
function __wt_behind_dashes
    contains -- -- (commandline -opc)
end
for name in @@{names}
    complete --command $name --erase
    complete --command $name --condition 'not __wt_behind_dashes' --no-files --arguments '(__wt_complete)'
    complete --command $name --condition __wt_behind_dashes --force-files
end
