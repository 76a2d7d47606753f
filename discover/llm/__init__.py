"""The only place that talks to a language model.

    provider     the questions and answers, and the shape of whatever answers
    schema       what an answer must look like, and what can be read from one
    dialects     what an endpoint accepts, and how to step down to less
    client       the live provider: an OpenAI-compatible endpoint
    replay       the record of a run, and the provider that answers from it
    prices, budget   what calls cost, and the caps
    worker       keeps calls in flight while the search goes on
    session      worker + budget: what a proposer holds
    config       the model of a run and how it is asked, as `run.toml` has it
    opening      a session from a configuration and a run folder: live, resumed or replayed
    prompt       the text that a model sees
    doctor       whether an endpoint can be used, and what to do if not

A model writes formulas and reasons, both plain text. Nothing that it writes is executed.
"""
