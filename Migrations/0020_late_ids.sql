-- Why: the answer to a submit may come after the submit was given up, when a node that slept wakes up with it. Its id was
-- thrown away, so the cost stayed possible for ever, and an invoice showed a line that nobody knew beside a submit that was not
-- billed. A submit that was given up and learns its id is accepted after all: its job is asked for, and the answer counts.

-- Changes a text in a function that is otherwise as it was; a text that is not there exactly once is an error.
create or replace function pg_temp.change_function(p_function regprocedure, p_old text, p_new text) returns void
language plpgsql as $$
declare
    definition text := pg_get_functiondef(p_function);
begin
    if length(replace(definition, p_old, '')) <> length(definition) - length(p_old) then
        raise exception '% does not hold this once: %', p_function, p_old;
    end if;
    execute replace(definition, p_old, p_new);
end $$;

select pg_temp.change_function('record_submit(bigint, text, text, bigint, text, text, text)',
    's.state = ''abandoned'' and p_state in (''made'', ''refused'')',
    's.state = ''abandoned'' and (p_state in (''made'', ''refused'')
            or p_state = ''accepted'' and s.provider_task_id is null and p_provider_task is not null)');
