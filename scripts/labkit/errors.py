"""The one error that the lab shows to people: what happened, and the way out."""


class LabError(Exception):
    def __init__(self, message, hint=""):
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self):
        return f"{self.message}\n  {self.hint}" if self.hint else self.message
