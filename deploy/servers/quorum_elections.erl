%% Run inside our private RabbitMQ nodes, from their start.
%%
%% A quorum queue of a single node can come back from a kill without a leader and never elect one: whoever
%% publishes to it or consumes from it then waits for ever (rabbitmq/rabbitmq-server issue 10070, seen with
%% 3.10.8). What is without a leader at two looks in a row is told to elect one.
spawn(fun() ->
    Leaderless = fun() ->
        try [Queue || {Queue, _} <- ra_directory:list_registered(quorum_queues),
                      ra_leaderboard:lookup_leader(Queue) =:= undefined]
        catch _:_ -> []
        end
    end,
    (fun Watch(Before) ->
        timer:sleep(1000),
        Now = Leaderless(),
        [catch ra:trigger_election({Queue, node()}) || Queue <- Now, lists:member(Queue, Before)],
        Watch(Now)
    end)([])
end).
