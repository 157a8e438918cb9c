create table tracks(TrackId integer primary key, Name text);
insert into tracks values
  (1, 'For Those About To Rock'),
  (2, 'Balls, to the Wall'),
  (3, 'Fast As a Shark');
