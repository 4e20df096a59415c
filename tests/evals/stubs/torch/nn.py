"""See torch."""


class Module: ...
