"""Training: programs, the loop, optimizers, losses, metrics, schedules, callbacks, checkpoints.

The methods of `kernelet.Model` are the way in: ``compile`` makes a `trainer.Trainer`, ``fit`` runs
a `loop.Loop` with it, ``predict`` needs neither.
"""
