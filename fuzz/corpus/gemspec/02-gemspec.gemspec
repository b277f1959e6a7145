s.name = "a"
s.version = %q{1}
s.licenses = ['x']
