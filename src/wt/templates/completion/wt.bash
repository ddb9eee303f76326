# Completion of wt for bash; needs nothing newer than 3.2. In ~/.bashrc: eval "$(wt completion bash)"
_wt_complete() {
    local line="${COMP_LINE:0:COMP_POINT}" words=" ${COMP_WORDS[*]:0:COMP_CWORD} " value help
    local word="${line##*[[:space:]]}"
    COMPREPLY=()
    # After -- comes a command of the sandbox: file names.
    if [[ "$words" == *" -- "* ]]; then
        compopt -o default 2>/dev/null
        return
    fi
    # bash completes what is behind the last = or : only.
    local before="${word%"${word##*[=:]}"}"
    while IFS=$'\t' read -r value help; do
        value="${value#"$before"}"
        case "$word" in
            # Between these nothing is quoted again: what bash would run, or take for the end, is not offered.
            [\'\"]*) [[ "$value" != *[\$\`\"\'\\!]* ]] || continue ;;
            *) printf -v value %q "$value" ;;
        esac
        COMPREPLY+=("$value")
    done < <(command wt-sandbox __complete -- "$line" 2>/dev/null)
}
complete -F _wt_complete @@{names}
