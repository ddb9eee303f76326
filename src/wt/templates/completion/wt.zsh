# Completion of wt for zsh. In ~/.zshrc: eval "$(wt completion zsh)"
_wt_complete() {
    local -a values shown
    local value help
    # After -- comes a command of the sandbox: file names.
    if (( ${words[(i)--]} < CURRENT )); then
        _files
        return
    fi
    while IFS=$'\t' read -r value help; do
        values+=("$value")
        shown+=("$value${help:+  -- $help}")
    done < <(command wt-sandbox __complete -- "${(j: :)words[1,CURRENT-1]} $QIPREFIX$PREFIX" 2>/dev/null)
    (( $#values )) && compadd -l -d shown -a values
}
if (( ! $+functions[compdef] )); then
    autoload -Uz compinit && compinit -i
fi
compdef _wt_complete @@{names}
